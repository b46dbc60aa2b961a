//! The names of things: hubs, devices, modules.
//!
//! Parsed once at the edge, then cheap to clone and impossible to swap.

use std::fmt;
use std::sync::Arc;

/// The longest device or module ID, in characters.
pub const MAX_ID_LENGTH: usize = 128;

/// Why a text is not a device or module ID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// Nothing was given.
    #[error("the id is empty")]
    Empty,
    /// More than [`MAX_ID_LENGTH`] characters.
    #[error("the id is longer than {MAX_ID_LENGTH} characters")]
    TooLong,
    /// A character outside the documented set.
    #[error(
        "the id has the character U+{:04X}; letters, digits and - . % _ * ? ! ( ) , : = @ $ ' are allowed",
        u32::from(*.0)
    )]
    Character(char),
}

/// Letters, digits and `- . % _ * ? ! ( ) , : = @ $ '`; `+ # ;` are refused.
///
/// <https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-identity-registry>
fn check_id(text: &str) -> Result<(), InvalidId> {
    if text.is_empty() {
        return Err(InvalidId::Empty);
    }
    let refused = |c: &char| !(c.is_ascii_alphanumeric() || "-.%_*?!(),:=@$'".contains(*c));
    if let Some(character) = text.chars().find(refused) {
        return Err(InvalidId::Character(character));
    }
    if text.len() > MAX_ID_LENGTH {
        return Err(InvalidId::TooLong);
    }
    Ok(())
}

/// Whether a text is a device's or module's ID, for those who keep it as text.
pub fn is_valid_id(text: &str) -> bool {
    check_id(text).is_ok()
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

name!(
    /// A device's ID: case-sensitive, 1 to 128 characters of a fixed set.
    DeviceId
);
name!(
    /// A module's ID within its device: same characters as a device's.
    ModuleId
);
name!(
    /// A hub's name within this process.
    HubName
);

impl DeviceId {
    /// Checks length and characters.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        check_id(text).map(|()| DeviceId(text.into()))
    }
}

impl ModuleId {
    /// Checks length and characters.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        check_id(text).map(|()| ModuleId(text.into()))
    }

    /// The module that runs the others on an edge device.
    pub fn edge_agent() -> Self {
        ModuleId("$edgeAgent".into())
    }

    /// The module that is the hub for an edge device's surroundings.
    pub fn edge_hub() -> Self {
        ModuleId("$edgeHub".into())
    }

    /// System modules belong to the edge runtime; users can't create or delete them.
    pub fn is_system(&self) -> bool {
        self.0.starts_with('$')
    }
}

/// Why a text is not a hub name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a hub name has 3 to 50 letters, digits and hyphens, no hyphen at either end")]
pub struct InvalidHubName;

impl HubName {
    /// Azure's rule for hub names.
    pub fn parse(text: &str) -> Result<Self, InvalidHubName> {
        let allowed = (3..=50).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-');
        allowed.then(|| HubName(text.into())).ok_or(InvalidHubName)
    }
}

/// Who a key, a twin or a session belongs to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdentityId {
    /// A device.
    Device(DeviceId),
    /// A module of a device.
    Module {
        /// The device it belongs to.
        device: DeviceId,
        /// Its name there.
        module: ModuleId,
    },
}

impl IdentityId {
    /// A module's identity.
    pub fn module(device: DeviceId, module: ModuleId) -> Self {
        IdentityId::Module { device, module }
    }

    /// The device itself, or the one the module belongs to.
    pub fn device_id(&self) -> &DeviceId {
        match self {
            IdentityId::Device(device) | IdentityId::Module { device, .. } => device,
        }
    }

    /// The module's name, if this is one.
    pub fn module_id(&self) -> Option<&ModuleId> {
        match self {
            IdentityId::Device(_) => None,
            IdentityId::Module { module, .. } => Some(module),
        }
    }
}

impl From<DeviceId> for IdentityId {
    fn from(device: DeviceId) -> Self {
        IdentityId::Device(device)
    }
}

/// `device` or `device/module`.
impl fmt::Display for IdentityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IdentityId::Device(device) => device.fmt(f),
            IdentityId::Module { device, module } => write!(f, "{device}/{module}"),
        }
    }
}

impl fmt::Debug for IdentityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_character_is_allowed() {
        assert!(DeviceId::parse("Az09-.%_*?!(),:=@$'").is_ok());
    }

    #[test]
    fn plus_hash_semicolon_slash_and_blank_are_refused() {
        for character in ['+', '#', ';', '/', ' ', 'é', '\0'] {
            let text = format!("a{character}");

            assert_eq!(DeviceId::parse(&text), Err(InvalidId::Character(character)));
        }
    }

    #[test]
    fn length_is_1_to_128() {
        assert_eq!(DeviceId::parse(""), Err(InvalidId::Empty));
        assert!(DeviceId::parse(&"x".repeat(128)).is_ok());
        assert_eq!(DeviceId::parse(&"x".repeat(129)), Err(InvalidId::TooLong));
    }

    #[test]
    fn a_hub_name_is_a_label() {
        assert!(HubName::parse("localhost").is_ok());
        for refused in ["ab", "-ab", "ab-", "a.b", ""] {
            assert_eq!(HubName::parse(refused), Err(InvalidHubName), "{refused}");
        }
    }
}
