//! Callers who show a certificate.

use std::sync::Arc;

use twinhub_x509::Validity;

use super::{
    Access, Caller, CertificateProof, ClientCertificate, Credential, DevicePermit, Refused,
};
use crate::hubs::Hub;
use crate::identities::{Authentication, Thumbprints};
use crate::ids::IdentityId;
use crate::policies::Rights;
use crate::time::Timestamp;

/// Why a certificate does not count for an identity.
#[derive(Debug, thiserror::Error)]
pub enum CertificateRefused {
    /// Nobody of that name.
    #[error("the identity is not registered")]
    NotRegistered,
    /// Another one than the identity is known by.
    #[error("the certificate has none of the identity's thumbprints")]
    Thumbprint,
    /// Its time has not come.
    #[error("the certificate is not valid yet")]
    NotYetValid,
    /// Its time is over.
    #[error("the certificate has expired")]
    Expired,
}

impl Access {
    /// Checks a certificate for the identity that a client says it is. What a
    /// device may do with its key, it may do with its certificate.
    pub async fn admit_certificate(
        &self,
        hub: &Arc<Hub>,
        certificate: &ClientCertificate,
        id: &IdentityId,
    ) -> Result<Caller, Refused> {
        let found = match self.look_up(hub, id).await {
            Err(Refused::Signature) => return Err(CertificateRefused::NotRegistered.into()),
            found => found?,
        };
        let expires = valid_until(certificate.leaf.validity(), self.clock.now())?;
        let proof = match &found.authentication {
            Authentication::SelfSigned(thumbprints) => by_thumbprint(certificate, thumbprints)?,
            Authentication::CertificateAuthority
            | Authentication::Sas(_)
            | Authentication::None => return Err(Refused::OtherProof),
        };
        found.require_enabled()?;
        let credential = Credential::Certificate {
            id: id.clone(),
            generation: found.generation,
            proof,
        };
        let caller = Caller::new(hub.clone(), credential, Rights::empty(), expires);
        Ok(caller)
    }

    pub(super) async fn connect_by_certificate(
        &self,
        hub: &Arc<Hub>,
        certificate: &ClientCertificate,
        id: &IdentityId,
    ) -> Result<DevicePermit, Refused> {
        let caller = self.admit_certificate(hub, certificate, id).await?;
        let generation = caller.own_generation(id).ok_or(Refused::Signature)?;
        Ok(caller.device(id, generation)?)
    }
}

fn by_thumbprint(
    certificate: &ClientCertificate,
    known: &Thumbprints,
) -> Result<CertificateProof, CertificateRefused> {
    let thumbprint = certificate.leaf.thumbprint();
    if is_known(thumbprint, known) {
        Ok(CertificateProof::Thumbprint(Box::new(*thumbprint)))
    } else {
        Err(CertificateRefused::Thumbprint)
    }
}

/// Whether a thumbprint is one of an identity's.
pub(super) fn is_known(thumbprint: &twinhub_x509::Thumbprint, known: &Thumbprints) -> bool {
    let known = [&known.primary, &known.secondary];
    known.into_iter().flatten().any(|hex| thumbprint.is(hex))
}

/// The moment from which the certificate counts no more.
fn valid_until(validity: Validity, now: Timestamp) -> Result<Timestamp, CertificateRefused> {
    // Before 1970 is long ago, whenever it was.
    let seconds = |moment: i64| u64::try_from(moment).unwrap_or(0);
    let begin = Timestamp::from_unix_seconds(seconds(validity.not_before));
    // The last second counts, too.
    let end = Timestamp::from_unix_seconds(seconds(validity.not_after.saturating_add(1)));
    if now < begin {
        Err(CertificateRefused::NotYetValid)
    } else if now >= end {
        Err(CertificateRefused::Expired)
    } else {
        Ok(end)
    }
}
