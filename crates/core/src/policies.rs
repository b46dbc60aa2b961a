//! Shared access policies: named key pairs with rights.

use std::fmt;

use bitflags::bitflags;

use crate::keys::KeyPair;

bitflags! {
    /// What a policy allows.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Rights: u8 {
        /// Read identities.
        const REGISTRY_READ = 1;
        /// Write identities; implies reading.
        const REGISTRY_WRITE = 2;
        /// Twins, methods, messages: what back ends do.
        const SERVICE_CONNECT = 4;
        /// Be any device.
        const DEVICE_CONNECT = 8;
    }
}

const RIGHT_NAMES: [(Rights, &str); 4] = [
    (Rights::REGISTRY_READ, "RegistryRead"),
    (Rights::REGISTRY_WRITE, "RegistryWrite"),
    (Rights::SERVICE_CONNECT, "ServiceConnect"),
    (Rights::DEVICE_CONNECT, "DeviceConnect"),
];

/// The text names no right, or none at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a list of rights; use RegistryRead, RegistryWrite, ServiceConnect, DeviceConnect"
)]
pub struct UnknownRight(pub String);

impl Rights {
    /// Reads Azure's comma-separated list.
    pub fn parse(text: &str) -> Result<Self, UnknownRight> {
        let mut rights = Rights::empty();
        for name in text.split(',').map(str::trim) {
            let (right, _) = RIGHT_NAMES
                .iter()
                .find(|(_, known)| known.eq_ignore_ascii_case(name))
                .ok_or_else(|| UnknownRight(text.to_owned()))?;
            rights |= *right;
        }
        Ok(rights)
    }

    /// The names of all that is allowed; writing includes reading.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let all = RIGHT_NAMES.into_iter();
        all.filter(move |(right, _)| self.allow(*right))
            .map(|(_, name)| name)
    }

    /// Whether these rights include `right`; writing includes reading.
    pub fn allow(self, right: Rights) -> bool {
        let implied = if self.contains(Rights::REGISTRY_WRITE) {
            self | Rights::REGISTRY_READ
        } else {
            self
        };
        implied.contains(right)
    }
}

/// Azure's list, with comma and blank.
impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (right, name) in RIGHT_NAMES {
            if self.contains(right) {
                write!(f, "{separator}{name}")?;
                separator = ", ";
            }
        }
        Ok(())
    }
}

/// A policy's name: 1 to 64 letters, digits and `- _ .`; case does not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyName(String);

/// The text is not a policy name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a policy name has 1 to 64 letters, digits and - _ .")]
pub struct InvalidPolicyName;

impl PolicyName {
    /// Checks length and characters.
    pub fn parse(text: &str) -> Result<Self, InvalidPolicyName> {
        let allowed = (1..=64).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        allowed
            .then(|| PolicyName(text.to_owned()))
            .ok_or(InvalidPolicyName)
    }

    /// The name as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form in which names are compared.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A shared access policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its name.
    pub name: PolicyName,
    /// Its keys.
    pub keys: KeyPair,
    /// Its rights.
    pub rights: Rights,
}

impl Policy {
    /// The five policies that every hub starts with.
    pub fn defaults() -> Vec<Policy> {
        let policy = |name: &str, rights| Policy {
            name: PolicyName(name.to_owned()),
            keys: KeyPair::generate(),
            rights,
        };
        vec![
            policy(
                "iothubowner",
                Rights::REGISTRY_WRITE | Rights::SERVICE_CONNECT | Rights::DEVICE_CONNECT,
            ),
            policy("service", Rights::SERVICE_CONNECT),
            policy("device", Rights::DEVICE_CONNECT),
            policy("registryRead", Rights::REGISTRY_READ),
            policy("registryReadWrite", Rights::REGISTRY_WRITE),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_spelt_as_the_command_line_of_azure_splits_them() {
        let owner = &Policy::defaults()[0];

        assert_eq!(
            owner.rights.to_string(),
            "RegistryWrite, ServiceConnect, DeviceConnect"
        );
        assert_eq!(Rights::parse(&owner.rights.to_string()), Ok(owner.rights));
    }

    #[test]
    fn writing_implies_reading_and_nothing_else() {
        let write = Rights::REGISTRY_WRITE;

        assert!(write.allow(Rights::REGISTRY_READ));
        assert!(!write.allow(Rights::SERVICE_CONNECT));
        assert!(!Rights::REGISTRY_READ.allow(Rights::REGISTRY_WRITE));
    }

    #[test]
    fn unknown_rights_are_refused() {
        assert!(Rights::parse("RegistryRead, Everything").is_err());
        assert!(Rights::parse("").is_err());
    }
}
