//! What happens to a module identity: pure decisions.

use super::authentication::{AuthenticationSpec, InvalidAuthentication};
use super::registry::HubFull;
use super::{Authentication, ModuleIdentity, first_version};
use crate::etag::{Etag, Precondition};
use crate::ids::{DeviceId, IdentityId, ModuleId};
use crate::ports::StoreError;
use crate::time::Timestamp;

/// A module identity as a caller wants it: a whole document, not a patch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleSpec {
    /// The device it belongs to.
    pub device: DeviceId,
    /// Its ID there.
    pub id: ModuleId,
    /// What it proves itself with.
    pub authentication: AuthenticationSpec,
    /// Who manages it.
    pub managed_by: Option<String>,
}

impl ModuleSpec {
    /// A module of which only the IDs are given.
    pub fn new(device: DeviceId, id: ModuleId) -> Self {
        ModuleSpec {
            device,
            id,
            authentication: AuthenticationSpec::default(),
            managed_by: None,
        }
    }
}

/// Why a module identity was not written.
#[derive(Debug, thiserror::Error)]
pub enum PutModuleError {
    /// Its device does not exist.
    #[error("device {0} is not registered")]
    NoSuchDevice(DeviceId),
    /// It exists, and the caller named no ETag.
    #[error("module {0} exists already")]
    AlreadyExists(IdentityId),
    /// The caller named an ETag, and it does not exist.
    #[error("module {0} is not registered")]
    NotRegistered(IdentityId),
    /// A stale ETag.
    #[error("module {id} is at etag {current}, the request expected {expected}")]
    EtagMismatch {
        /// Which module.
        id: IdentityId,
        /// What it is at.
        current: Etag,
        /// What the caller saw.
        expected: Precondition,
    },
    /// IDs that start with `$` are the edge runtime's.
    #[error("module ids that start with $ are reserved for the edge runtime")]
    ReservedId(ModuleId),
    /// A service tried to change a system module.
    #[error("the system module {0} belongs to the edge runtime")]
    SystemModule(IdentityId),
    /// The device has as many modules as it may.
    #[error("device {device} has {max} modules, the most it may have")]
    TooManyModules {
        /// Which device.
        device: DeviceId,
        /// How many it may have.
        max: usize,
    },
    /// Authentication data that can't be taken.
    #[error(transparent)]
    Authentication(#[from] InvalidAuthentication),
    /// The hub is full.
    #[error(transparent)]
    HubFull(#[from] HubFull),
    /// It could not be saved.
    #[error("could not save the module")]
    Store(#[from] StoreError),
}

/// The module identity that a write leads to. `by_own_device` is true for
/// the device's own key, which the edge runtime uses on its system modules.
pub(super) fn decide_put(
    siblings: &[ModuleIdentity],
    spec: ModuleSpec,
    if_match: &Precondition,
    max_modules: usize,
    by_own_device: bool,
    now: Timestamp,
) -> Result<ModuleIdentity, PutModuleError> {
    let name = IdentityId::module(spec.device.clone(), spec.id.clone());
    let current = siblings.iter().find(|sibling| sibling.id == spec.id);
    match (current, if_match) {
        (None, Precondition::None) => check_room(siblings, &spec, max_modules)?,
        (None, _) => return Err(PutModuleError::NotRegistered(name)),
        (Some(_), Precondition::None) => return Err(PutModuleError::AlreadyExists(name)),
        (Some(current), if_match) if !if_match.accepts(&current.etag()) => {
            return Err(PutModuleError::EtagMismatch {
                id: name,
                current: current.etag(),
                expected: if_match.clone(),
            });
        }
        (Some(_), _) if spec.id.is_system() && !by_own_device => {
            return Err(PutModuleError::SystemModule(name));
        }
        (Some(_), _) => {}
    }
    let generation = current.map_or(now, |current| current.generation);
    Ok(ModuleIdentity {
        generation,
        version: current.map_or_else(
            || first_version(generation),
            |current| current.version.wrapping_add(1),
        ),
        authentication: spec.authentication.for_module()?,
        device: spec.device,
        id: spec.id,
        managed_by: spec.managed_by,
    })
}

/// A new module needs a free name and a free place.
fn check_room(
    siblings: &[ModuleIdentity],
    spec: &ModuleSpec,
    max: usize,
) -> Result<(), PutModuleError> {
    if spec.id.is_system() {
        return Err(PutModuleError::ReservedId(spec.id.clone()));
    }
    let counted = siblings.iter().filter(|sibling| !sibling.id.is_system());
    if counted.count() >= max {
        return Err(PutModuleError::TooManyModules {
            device: spec.device.clone(),
            max,
        });
    }
    Ok(())
}

/// The modules that a device gets with its edge capability.
pub(super) fn system_modules(device: &DeviceId, now: Timestamp) -> [ModuleIdentity; 2] {
    [ModuleId::edge_agent(), ModuleId::edge_hub()].map(|id| ModuleIdentity {
        device: device.clone(),
        id,
        generation: now,
        version: first_version(now),
        authentication: Authentication::None,
        managed_by: Some("iotEdge".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_ticks(638_000_000_000_000_000);

    fn spec(id: &str) -> ModuleSpec {
        ModuleSpec::new(
            DeviceId::parse("pump-7").unwrap(),
            ModuleId::parse(id).unwrap(),
        )
    }

    fn create(siblings: &[ModuleIdentity], id: &str) -> Result<ModuleIdentity, PutModuleError> {
        decide_put(siblings, spec(id), &Precondition::None, 20, false, NOW)
    }

    #[test]
    fn the_twenty_first_module_is_refused_and_system_modules_do_not_count() {
        let device = DeviceId::parse("pump-7").unwrap();
        let mut siblings: Vec<_> = system_modules(&device, NOW).into();
        for number in 0..20 {
            siblings.push(create(&siblings, &format!("m{number}")).unwrap());
        }

        let refused = create(&siblings, "one-more");

        assert!(matches!(
            refused,
            Err(PutModuleError::TooManyModules { max: 20, .. })
        ));
    }

    #[test]
    fn a_dollar_name_cannot_be_created() {
        assert!(matches!(
            create(&[], "$mine"),
            Err(PutModuleError::ReservedId(_))
        ));
    }

    #[test]
    fn only_the_device_itself_updates_its_system_modules() {
        let device = DeviceId::parse("pump-7").unwrap();
        let siblings = system_modules(&device, NOW);
        let update = |own| {
            decide_put(
                &siblings,
                spec("$edgeAgent"),
                &Precondition::Any,
                20,
                own,
                NOW,
            )
        };

        assert!(matches!(
            update(false),
            Err(PutModuleError::SystemModule(_))
        ));
        assert!(update(true).is_ok());
    }

    #[test]
    fn a_namesake_that_differs_in_case_is_another_module() {
        let existing = create(&[], "Sensor").unwrap();

        assert!(create(std::slice::from_ref(&existing), "sensor").is_ok());
        assert!(matches!(
            create(&[existing], "Sensor"),
            Err(PutModuleError::AlreadyExists(_))
        ));
    }
}
