//! What happens to a device identity: pure decisions.

use super::authentication::{AuthenticationSpec, InvalidAuthentication};
use super::registry::HubFull;
use super::scope::{self, InvalidScope, Scopes};
use super::{DeviceIdentity, Status, first_version};
use crate::etag::{Etag, Precondition};
use crate::ids::DeviceId;
use crate::ports::StoreError;
use crate::time::Timestamp;

/// The longest status reason, in characters.
pub const MAX_STATUS_REASON: usize = 128;

/// A device identity as a caller wants it: a whole document, not a patch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceSpec {
    /// Its ID.
    pub id: DeviceId,
    /// What it proves itself with.
    pub authentication: AuthenticationSpec,
    /// Whether it may connect.
    pub status: Status,
    /// Why.
    pub status_reason: Option<String>,
    /// Whether it runs the edge runtime.
    pub edge: bool,
    /// Its scope; an empty text counts as absent.
    pub scope: Option<String>,
    /// Its parents' scopes.
    pub parent_scopes: Vec<String>,
}

impl DeviceSpec {
    /// A device of which only the ID is given.
    pub fn new(id: DeviceId) -> Self {
        DeviceSpec {
            id,
            authentication: AuthenticationSpec::default(),
            status: Status::Enabled,
            status_reason: None,
            edge: false,
            scope: None,
            parent_scopes: Vec::new(),
        }
    }
}

/// Why a device identity was not written.
#[derive(Debug, thiserror::Error)]
pub enum PutDeviceError {
    /// It exists, and the caller named no ETag.
    #[error("device {0} exists already")]
    AlreadyExists(DeviceId),
    /// The caller named an ETag, and it does not exist.
    #[error("device {0} is not registered")]
    NotRegistered(DeviceId),
    /// A stale ETag.
    #[error("device {id} is at etag {current}, the request expected {expected}")]
    EtagMismatch {
        /// Which device.
        id: DeviceId,
        /// What it is at.
        current: Etag,
        /// What the caller saw.
        expected: Precondition,
    },
    /// Authentication data that can't be taken.
    #[error(transparent)]
    Authentication(#[from] InvalidAuthentication),
    /// A scope that can't be taken.
    #[error(transparent)]
    Scope(#[from] InvalidScope),
    /// The status reason is too long.
    #[error("a status reason has at most {MAX_STATUS_REASON} characters")]
    StatusReasonTooLong,
    /// The hub is full.
    #[error(transparent)]
    HubFull(#[from] HubFull),
    /// It could not be saved.
    #[error("could not save the device")]
    Store(#[from] StoreError),
}

/// The device identity that a write leads to.
pub(super) fn decide_put(
    current: Option<&DeviceIdentity>,
    spec: DeviceSpec,
    if_match: &Precondition,
    now: Timestamp,
) -> Result<DeviceIdentity, PutDeviceError> {
    check_precondition(current, &spec.id, if_match)?;
    if let Some(reason) = &spec.status_reason
        && reason.chars().count() > MAX_STATUS_REASON
    {
        return Err(PutDeviceError::StatusReasonTooLong);
    }
    let generation = current.map_or(now, |current| current.generation);
    let wanted = Scopes {
        own: spec.scope.filter(|scope| !scope.is_empty()),
        parents: spec.parent_scopes,
    };
    let scopes = scope::decide(&spec.id, generation, spec.edge, current, &wanted)?;
    let authentication = spec.authentication.for_device()?;
    let status_updated = match current {
        Some(current) if current.status == spec.status => current.status_updated,
        Some(_) => now,
        None => Timestamp::NEVER,
    };
    Ok(DeviceIdentity {
        version: current.map_or_else(
            || first_version(generation),
            |current| current.version.wrapping_add(1),
        ),
        id: spec.id,
        generation,
        authentication,
        status: spec.status,
        status_reason: spec.status_reason,
        status_updated,
        edge: spec.edge,
        scope: scopes.own,
        parent_scopes: scopes.parents,
    })
}

/// No ETag creates, an ETag or the wildcard updates.
fn check_precondition(
    current: Option<&DeviceIdentity>,
    id: &DeviceId,
    if_match: &Precondition,
) -> Result<(), PutDeviceError> {
    match (current, if_match) {
        (None, Precondition::None) => Ok(()),
        (None, _) => Err(PutDeviceError::NotRegistered(id.clone())),
        (Some(_), Precondition::None) => Err(PutDeviceError::AlreadyExists(id.clone())),
        (Some(current), if_match) if if_match.accepts(&current.etag()) => Ok(()),
        (Some(current), if_match) => Err(PutDeviceError::EtagMismatch {
            id: id.clone(),
            current: current.etag(),
            expected: if_match.clone(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp::from_ticks(638_000_000_000_000_000);

    fn spec() -> DeviceSpec {
        DeviceSpec::new(DeviceId::parse("pump-7").unwrap())
    }

    fn pump() -> DeviceIdentity {
        decide_put(None, spec(), &Precondition::None, NOW).unwrap()
    }

    #[test]
    fn creating_without_etag_is_refused_when_it_exists() {
        let existing = pump();

        let refused = decide_put(Some(&existing), spec(), &Precondition::None, NOW);

        assert!(matches!(refused, Err(PutDeviceError::AlreadyExists(_))));
    }

    #[test]
    fn the_wildcard_updates_only() {
        let missing = decide_put(None, spec(), &Precondition::Any, NOW);
        let updated = decide_put(Some(&pump()), spec(), &Precondition::Any, NOW);

        assert!(matches!(missing, Err(PutDeviceError::NotRegistered(_))));
        assert!(updated.is_ok());
    }

    #[test]
    fn an_update_keeps_the_generation_and_moves_the_etag() {
        let before = pump();
        let if_match = Precondition::Etag(before.etag().to_string());
        let later = NOW.plus(Duration::from_secs(9));

        let after = decide_put(Some(&before), spec(), &if_match, later).unwrap();

        assert_eq!(after.generation, before.generation);
        assert_ne!(after.etag(), before.etag());
    }

    #[test]
    fn a_stale_etag_is_refused() {
        let if_match = Precondition::Etag("MQ==".to_owned());

        let refused = decide_put(Some(&pump()), spec(), &if_match, NOW);

        assert!(matches!(refused, Err(PutDeviceError::EtagMismatch { .. })));
    }

    #[test]
    fn only_a_change_of_status_moves_its_time() {
        let before = pump();
        let later = NOW.plus(Duration::from_secs(9));
        let disable = DeviceSpec {
            status: Status::Disabled,
            ..spec()
        };

        let same = decide_put(Some(&before), spec(), &Precondition::Any, later).unwrap();
        let disabled = decide_put(Some(&before), disable, &Precondition::Any, later).unwrap();

        assert_eq!(same.status_updated, Timestamp::NEVER);
        assert_eq!(disabled.status_updated, later);
    }

    #[test]
    fn a_status_reason_has_128_characters_of_any_kind() {
        let fits = DeviceSpec {
            status_reason: Some("ü".repeat(128)),
            ..spec()
        };
        let too_long = DeviceSpec {
            status_reason: Some("ü".repeat(129)),
            ..spec()
        };

        assert!(decide_put(None, fits, &Precondition::None, NOW).is_ok());
        assert!(matches!(
            decide_put(None, too_long, &Precondition::None, NOW),
            Err(PutDeviceError::StatusReasonTooLong)
        ));
    }
}
