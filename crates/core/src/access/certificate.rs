//! Callers who show a certificate.

use std::sync::Arc;

use twinhub_x509::{Chain, ChainError, Thumbprint, Validity, find_authority};

use super::{
    Access, Caller, CertificateProof, ClientCertificate, Credential, DevicePermit, Refused,
};
use crate::certificates::{Authority, CertificateName};
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
    /// It was good once.
    #[error("the certificate does not count for the identity any more")]
    Withdrawn,
    /// For somebody else.
    #[error("the certificate is for {0:?}")]
    CommonName(Option<String>),
    /// No authority stands behind it.
    #[error("no authority stands behind the certificate")]
    Chain(#[from] ChainError),
    /// An authority stands behind it that nobody has proven to possess.
    #[error("certificate {0}, which stands behind it, is not verified")]
    NotVerified(CertificateName),
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
        let now = self.clock.now();
        let expires = valid_until(certificate.leaf.validity(), now)?;
        let (proof, expires) = match &found.authentication {
            Authentication::SelfSigned(known) => (by_thumbprint(certificate, known)?, expires),
            Authentication::CertificateAuthority => by_authority(hub, certificate, id, now)?,
            Authentication::Sas(_) | Authentication::None => return Err(Refused::OtherProof),
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

    /// Whether what made a certificate count would make it count now.
    pub(super) async fn still_proves(
        &self,
        hub: &Hub,
        authentication: &Authentication,
        proof: &CertificateProof,
    ) -> Result<bool, Refused> {
        match (authentication, proof) {
            (Authentication::SelfSigned(known), CertificateProof::Thumbprint(thumbprint)) => {
                Ok(is_known(thumbprint, known))
            }
            (
                Authentication::CertificateAuthority,
                CertificateProof::Authority(name, thumbprint),
            ) => {
                // From the store, as with policies.
                let authorities = self.store.authorities(hub.name()).await?;
                Ok(authorities.iter().map(|stored| &stored.value).any(|known| {
                    known.verified
                        && known.name == *name
                        && known.certificate.thumbprint() == &**thumbprint
                }))
            }
            _ => Err(Refused::OtherProof),
        }
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

/// The certificate's common name must be the identity's: `device`, or
/// `device/module`.
fn by_authority(
    hub: &Hub,
    certificate: &ClientCertificate,
    id: &IdentityId,
    now: Timestamp,
) -> Result<(CertificateProof, Timestamp), CertificateRefused> {
    let common_name = certificate.leaf.common_name();
    if common_name.as_deref() != Some(&id.to_string()) {
        return Err(CertificateRefused::CommonName(common_name));
    }
    let (verified, unverified): (Vec<_>, Vec<_>) =
        hub.authorities().partition(|authority| authority.verified);
    let chain = match find(certificate, &verified, now) {
        Ok(chain) => chain,
        // For the log, which is all that tells why.
        Err(error) => {
            return Err(match find(certificate, &unverified, now) {
                Ok(chain) => {
                    CertificateRefused::NotVerified(unverified[chain.authority].name.clone())
                }
                Err(_) => error.into(),
            });
        }
    };
    let authority = verified[chain.authority];
    let thumbprint = *authority.certificate.thumbprint();
    let proof = CertificateProof::Authority(authority.name.clone(), Box::new(thumbprint));
    Ok((proof, end_of(chain.not_after)))
}

fn find(
    certificate: &ClientCertificate,
    authorities: &[&Authority],
    now: Timestamp,
) -> Result<Chain, ChainError> {
    let authorities: Vec<_> = authorities.iter().map(|it| &it.certificate).collect();
    let (leaf, sent_along) = (&certificate.leaf, &certificate.sent_along);
    find_authority(leaf, sent_along, &authorities, now.unix_seconds())
}

/// Whether a thumbprint is one of an identity's.
fn is_known(thumbprint: &Thumbprint, known: &Thumbprints) -> bool {
    let known = [&known.primary, &known.secondary];
    known.into_iter().flatten().any(|hex| thumbprint.is(hex))
}

/// The moment from which the certificate counts no more.
fn valid_until(validity: Validity, now: Timestamp) -> Result<Timestamp, CertificateRefused> {
    if now.unix_seconds() < validity.not_before {
        Err(CertificateRefused::NotYetValid)
    } else if now.unix_seconds() > validity.not_after {
        Err(CertificateRefused::Expired)
    } else {
        Ok(end_of(validity.not_after))
    }
}

/// The moment after a last second. Before 1970 is long ago, whenever it was.
fn end_of(not_after: i64) -> Timestamp {
    let end = u64::try_from(not_after.saturating_add(1)).unwrap_or(0);
    Timestamp::from_unix_seconds(end)
}
