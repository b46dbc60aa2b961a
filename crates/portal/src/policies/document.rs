//! Shared access policies as the resource provider has them.

use http::Method;
use serde::Deserialize;

use crate::client::{ApiError, Call};
use crate::visit::Visit;

/// The rights there are, and what each opens.
pub const RIGHTS: [(&str, &str); 4] = [
    ("RegistryRead", "Read identities"),
    ("RegistryWrite", "Read and write identities"),
    (
        "ServiceConnect",
        "Twins, methods, messages to devices, reading events",
    ),
    ("DeviceConnect", "Act as any device"),
];

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// Its name.
    pub key_name: String,
    /// Its keys, in base64.
    pub primary_key: String,
    /// The other one.
    pub secondary_key: String,
    /// Its rights, as Azure lists them.
    pub rights: String,
}

impl Policy {
    /// Whether it has a right; who may write identities may read them.
    pub fn grants(&self, right: &str) -> bool {
        self.lists(right) || (right == "RegistryRead" && self.lists("RegistryWrite"))
    }

    /// Whether a right is among those that it was given.
    pub fn lists(&self, right: &str) -> bool {
        self.rights.split(',').any(|given| given.trim() == right)
    }
}

/// A list of policies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Policies {
    value: Vec<Policy>,
}

impl Policies {
    /// All of them, by name.
    pub fn all(&self) -> &[Policy] {
        &self.value
    }

    /// Whether operators can do everything without this policy, too: their
    /// calls of the REST API are made with a policy's key.
    pub fn has_all_rights_without(&self, name: &str) -> bool {
        let others = self.value.iter().filter(|policy| policy.key_name != name);
        others.into_iter().any(|policy| {
            RIGHTS
                .iter()
                .filter(|(right, _)| *right != "DeviceConnect")
                .all(|(right, _)| policy.grants(right))
        })
    }
}

/// All policies, with their keys.
pub async fn read(visit: &Visit) -> Result<Policies, ApiError> {
    visit.read(Call::resource(Method::POST, ["listkeys"])).await
}

/// A policy with its keys.
pub async fn read_one(visit: &Visit, name: &str) -> Result<Policy, ApiError> {
    let path = ["IotHubKeys", name, "listkeys"];
    visit.read(Call::resource(Method::POST, path)).await
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    /// A hub with two policies, one of which opens all.
    pub(in crate::policies) fn policies() -> Policies {
        serde_json::from_value(json!({ "value": [
            { "keyName": "owner", "primaryKey": "p1", "secondaryKey": "s1",
              "rights": "RegistryWrite, ServiceConnect, DeviceConnect" },
            { "keyName": "service", "primaryKey": "p2", "secondaryKey": "s2",
              "rights": "ServiceConnect" },
        ]}))
        .unwrap()
    }

    #[test]
    fn operators_need_one_policy_with_all_rights_but_that_of_devices() {
        assert!(policies().has_all_rights_without("service"));
        assert!(!policies().has_all_rights_without("owner"));
    }
}
