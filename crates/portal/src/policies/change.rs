//! What is asked for to change the list of policies.

use serde_json::{Value, json};

use super::document::{Policies, Policy};
use crate::key_roll::KeyRoll;
use crate::refused::Refused;

/// What is to become of the policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// One more, with new keys.
    Add { name: String, rights: Vec<String> },
    /// Other rights, the same keys.
    Rights { name: String, rights: Vec<String> },
    /// Other keys.
    Roll { name: String, key: KeyRoll },
    /// One fewer.
    Remove { name: String },
}

impl Change {
    /// The policy.
    pub fn name(&self) -> &str {
        match self {
            Change::Add { name, .. }
            | Change::Rights { name, .. }
            | Change::Roll { name, .. }
            | Change::Remove { name } => name,
        }
    }
}

/// The `properties.authorizationPolicies` of a hub whose policies are changed.
/// The hub keeps the keys that are not in it.
pub fn changed(policies: &Policies, change: &Change) -> Result<Value, Refused> {
    let stays = |policy: &Policy| json!({ "keyName": policy.key_name, "rights": policy.rights });
    let except = |name: &str| -> Vec<Value> {
        let others = policies.all().iter().filter(|one| one.key_name != name);
        others.map(stays).collect()
    };
    let find = |name: &str| {
        let found = policies.all().iter().find(|one| one.key_name == name);
        found.ok_or_else(|| Refused::invalid("There is no such policy any more."))
    };
    let mut next;
    match change {
        Change::Add { name, rights } => {
            let is_same = |one: &Policy| one.key_name.eq_ignore_ascii_case(name);
            if policies.all().iter().any(is_same) {
                return Err(Refused::invalid(
                    "There is a policy of this name. Choose another name, or change that one.",
                ));
            }
            next = policies.all().iter().map(stays).collect::<Vec<_>>();
            next.push(json!({ "keyName": name, "rights": chosen(rights)? }));
        }
        Change::Rights { name, rights } => {
            let policy = find(name)?;
            next = except(name);
            next.push(json!({ "keyName": policy.key_name, "rights": chosen(rights)? }));
        }
        Change::Roll { name, key } => {
            let policy = find(name)?;
            let mut rolled = stays(policy);
            let mut set = |member: &str, key: &str| rolled[member] = key.into();
            match key {
                KeyRoll::Primary => set("primaryKey", &twinhub_sas::generate_key()),
                KeyRoll::Secondary => set("secondaryKey", &twinhub_sas::generate_key()),
                KeyRoll::Swap => {
                    set("primaryKey", &policy.secondary_key);
                    set("secondaryKey", &policy.primary_key);
                }
            }
            next = except(name);
            next.push(rolled);
        }
        Change::Remove { name } => {
            find(name)?;
            next = except(name);
        }
    }
    Ok(json!({ "properties": { "authorizationPolicies": next } }))
}

fn chosen(rights: &[String]) -> Result<String, Refused> {
    match rights {
        [] => Err(Refused::invalid("Choose at least one right.")),
        rights => Ok(rights.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::document::tests::policies;
    use super::*;

    fn after(change: &Change) -> Vec<Value> {
        let body = changed(&policies(), change).unwrap();
        let list = &body["properties"]["authorizationPolicies"];
        list.as_array().unwrap().clone()
    }

    #[test]
    fn a_policy_is_added_and_the_others_keep_their_keys() {
        let rights = vec!["RegistryRead".to_owned(), "ServiceConnect".to_owned()];
        let name = "dashboards".to_owned();

        let list = after(&Change::Add { name, rights });

        assert_eq!(list.len(), 3);
        assert!(list.iter().all(|policy| policy.get("primaryKey").is_none()));
        assert_eq!(list[2]["rights"], "RegistryRead, ServiceConnect");
    }

    #[test]
    fn a_name_counts_once_whatever_its_case_and_no_right_is_no_policy() {
        let add = |name: &str, rights: &[&str]| Change::Add {
            name: name.to_owned(),
            rights: rights.iter().map(|&right| right.to_owned()).collect(),
        };

        let twice = changed(&policies(), &add("SERVICE", &["RegistryRead"]));
        let without = changed(&policies(), &add("new", &[]));

        assert!(twice.unwrap_err().sentence.contains("another name"));
        assert!(without.unwrap_err().sentence.contains("at least one right"));
    }

    #[test]
    fn one_key_is_rolled_and_the_other_is_kept() {
        let name = "service".to_owned();

        let list = after(&Change::Roll {
            name,
            key: KeyRoll::Secondary,
        });

        let rolled = &list[1];
        let key = rolled["secondaryKey"].as_str().unwrap();
        assert!(twinhub_sas::is_valid_key(key));
        assert_eq!(rolled.get("primaryKey"), None);
        assert_eq!(list[0].get("primaryKey"), None);
    }

    #[test]
    fn keys_change_places() {
        let name = "service".to_owned();

        let list = after(&Change::Roll {
            name,
            key: KeyRoll::Swap,
        });

        assert_eq!(list[1]["primaryKey"], "s2");
        assert_eq!(list[1]["secondaryKey"], "p2");
    }

    #[test]
    fn what_is_gone_is_not_changed() {
        let name = "gone".to_owned();

        let refused = changed(&policies(), &Change::Remove { name }).unwrap_err();

        assert!(refused.sentence.contains("no such policy"));
    }
}
