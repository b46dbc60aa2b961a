//! A hub's authorities: added, proven, removed.

use std::sync::Arc;

use twinhub_x509::Certificate;

use super::{Hub, Hubs};
use crate::certificates::{
    Authority, CertificateName, InvalidAuthority, MAX_AUTHORITIES, verification_code,
};
use crate::etag::Precondition;
use crate::ports::{Announcement, Change, Record, RecordKey, StoreError, Stored, UnitOfWork};
use crate::time::Timestamp;

/// Why a hub's authorities could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeAuthorityError {
    /// No such hub.
    #[error("hub {0} does not exist")]
    NoSuchHub(String),
    /// No such certificate.
    #[error("certificate {0} does not exist")]
    NoSuchCertificate(CertificateName),
    /// There is one of that name, and the caller did not say that it is known.
    #[error("certificate {0} exists; name its etag to replace it")]
    Exists(CertificateName),
    /// The caller did not say which version is meant.
    #[error("certificate {0} can only be changed by naming its etag")]
    EtagMissing(CertificateName),
    /// A stale ETag.
    #[error("certificate {name} is at etag {current}, the request expected {expected}")]
    EtagMismatch {
        /// Which.
        name: CertificateName,
        /// What it is at.
        current: String,
        /// What the caller saw.
        expected: Precondition,
    },
    /// More than [`MAX_AUTHORITIES`].
    #[error("a hub has at most {MAX_AUTHORITIES} certificates")]
    TooMany,
    /// Not an authority's certificate, or not proof of possession.
    #[error(transparent)]
    Invalid(#[from] InvalidAuthority),
    /// It could not be saved.
    #[error("could not save the certificate")]
    Store(#[from] StoreError),
}

type Outcome = Result<Authority, ChangeAuthorityError>;

impl Hubs {
    /// Adds an authority, or replaces it if the caller knows its ETag. It is
    /// verified at once if `vouched_for`. Tells whether it is new.
    pub async fn put_authority(
        &self,
        hub: &str,
        if_match: &Precondition,
        name: CertificateName,
        certificate: Certificate,
        vouched_for: bool,
        now: Timestamp,
    ) -> Result<(Authority, bool), ChangeAuthorityError> {
        let _one_at_a_time = self.changing.lock().await;
        let hub = self.hub_named(hub)?;
        let former = hub.authorities.get(&name.folded());
        match (former, if_match) {
            (Some(_), Precondition::None) => return Err(ChangeAuthorityError::Exists(name)),
            (Some(former), if_match) => require(&former.value, if_match)?,
            (None, Precondition::None) => {}
            (None, _) => return Err(ChangeAuthorityError::NoSuchCertificate(name)),
        }
        if former.is_none() && hub.authorities.len() >= MAX_AUTHORITIES {
            return Err(ChangeAuthorityError::TooMany);
        }
        let is_other = |known: &&Authority| known.name.folded() != name.folded();
        let mut others = hub.authorities().filter(is_other);
        if let Some(same) = others.find(|known| known.certificate == certificate) {
            return Err(InvalidAuthority::Duplicate(same.name.clone()).into());
        }

        let known = former.map(|stored| &stored.value);
        let next = Authority::put(name, certificate, vouched_for, known, now)?;
        let change = match former {
            Some(former) => Change::Replace(Record::Authority(next.clone()), former.revision),
            None => Change::Insert(Record::Authority(next.clone())),
        };
        self.commit_authority(&hub, next.name.clone(), change)
            .await?;
        Ok((next, former.is_none()))
    }

    /// Makes a code, with which possession of the authority's key is proven.
    pub async fn generate_verification_code(
        &self,
        hub: &str,
        if_match: &Precondition,
        name: CertificateName,
        now: Timestamp,
    ) -> Outcome {
        self.change_authority(hub, if_match, name, |authority| {
            Ok(authority.with_code(verification_code(), now))
        })
        .await
    }

    /// Verifies an authority by a certificate that it issued for its code.
    pub async fn verify_authority(
        &self,
        hub: &str,
        if_match: &Precondition,
        name: CertificateName,
        proof: &Certificate,
        now: Timestamp,
    ) -> Outcome {
        self.change_authority(hub, if_match, name, |authority| authority.prove(proof, now))
            .await
    }

    /// Removes an authority. Sessions that it let in end.
    pub async fn remove_authority(
        &self,
        hub: &str,
        if_match: &Precondition,
        name: CertificateName,
    ) -> Result<(), ChangeAuthorityError> {
        let _one_at_a_time = self.changing.lock().await;
        let hub = self.hub_named(hub)?;
        let stored = expected(&hub, if_match, &name)?;
        let key = RecordKey::Authority(name.clone());
        let change = Change::Remove(key, stored.revision);
        self.commit_authority(&hub, name, change).await
    }

    async fn change_authority(
        &self,
        hub: &str,
        if_match: &Precondition,
        name: CertificateName,
        decide: impl FnOnce(&Authority) -> Result<Authority, InvalidAuthority>,
    ) -> Outcome {
        let _one_at_a_time = self.changing.lock().await;
        let hub = self.hub_named(hub)?;
        let stored = expected(&hub, if_match, &name)?;
        let next = decide(&stored.value)?;
        let change = Change::Replace(Record::Authority(next.clone()), stored.revision);
        self.commit_authority(&hub, name, change).await?;
        Ok(next)
    }

    async fn commit_authority(
        &self,
        hub: &Hub,
        name: CertificateName,
        change: Change,
    ) -> Result<(), ChangeAuthorityError> {
        let announcement = Announcement::AuthorityChanged(name.clone());
        let work = UnitOfWork::new(hub.name().clone(), vec![change]).announcing(vec![announcement]);
        let done = self.commit(hub, work).await?;
        if done.is_committed {
            return Ok(());
        }
        Err(match done.hub.authority(name.as_str()) {
            Some(current) => ChangeAuthorityError::EtagMismatch {
                current: current.etag().to_string(),
                expected: Precondition::Any,
                name,
            },
            None => ChangeAuthorityError::NoSuchCertificate(name),
        })
    }

    fn hub_named(&self, hub: &str) -> Result<Arc<Hub>, ChangeAuthorityError> {
        self.by_name(hub)
            .ok_or_else(|| ChangeAuthorityError::NoSuchHub(hub.to_owned()))
    }
}

/// The authority, if it is the one that the caller means.
fn expected<'a>(
    hub: &'a Hub,
    if_match: &Precondition,
    name: &CertificateName,
) -> Result<&'a Stored<Authority>, ChangeAuthorityError> {
    let stored = hub
        .authorities
        .get(&name.folded())
        .ok_or_else(|| ChangeAuthorityError::NoSuchCertificate(name.clone()))?;
    match if_match {
        Precondition::None => Err(ChangeAuthorityError::EtagMissing(name.clone())),
        if_match => require(&stored.value, if_match).map(|()| stored),
    }
}

fn require(authority: &Authority, if_match: &Precondition) -> Result<(), ChangeAuthorityError> {
    if if_match.accepts(&authority.etag()) {
        return Ok(());
    }
    Err(ChangeAuthorityError::EtagMismatch {
        name: authority.name.clone(),
        current: authority.etag().to_string(),
        expected: if_match.clone(),
    })
}
