//! What device and module identities have in common on the command line.

use clap::ValueEnum;
use hyper::Method;
use serde_json::{Value, json};
use twinhub_sas::Credential;

use super::{
    document,
    failure::Failure,
    hub::{Call, Hub},
};

/// Which key is made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KeyType {
    /// The primary key
    Primary,
    /// The secondary key
    Secondary,
    /// None: the two change places
    Swap,
    /// Both keys
    Both,
}

/// Reads an identity, changes it, and writes it back unless it has changed
/// in the meantime. `etag` is what the caller expects it to be.
pub async fn update(
    hub: &Hub,
    path: &[&str],
    etag: Option<&str>,
    change: impl FnOnce(&mut Value) -> Result<(), Failure>,
) -> Result<Value, Failure> {
    let mut identity = hub.get(path).await?;
    change(&mut identity)?;
    let read = identity["etag"].as_str().map(str::to_owned);
    hub.send(Call {
        if_match: etag.or(read.as_deref()),
        body: Some(&identity),
        ..Call::new(Method::PUT, path)
    })
    .await
}

/// Applies `--set` assignments.
pub fn set_all(identity: &mut Value, assignments: &[String]) -> Result<(), Failure> {
    assignments
        .iter()
        .try_for_each(|assignment| document::set(identity, assignment))
}

/// Deletes an identity: any, or the one with this etag.
pub async fn delete(hub: &Hub, path: &[&str], etag: Option<&str>) -> Result<(), Failure> {
    hub.send(Call {
        if_match: Some(etag.unwrap_or("*")),
        ..Call::new(Method::DELETE, path)
    })
    .await?;
    Ok(())
}

/// Makes keys of an identity anew and returns the identity.
///
/// New keys come from the hub, in one step that no other change can slip
/// into; a swap is an ordinary update.
pub async fn renew_key(
    hub: &Hub,
    device: &str,
    module: Option<&str>,
    key: KeyType,
) -> Result<Value, Failure> {
    let path = path(device, module);
    let policy_key = match key {
        KeyType::Primary => "primaryKey",
        KeyType::Secondary => "secondaryKey",
        KeyType::Both => "both",
        KeyType::Swap => return update(hub, &path, None, swap_keys).await,
    };
    // A bulk call answers 400 for whatever is wrong; reading tells what it is.
    if let Credential::X509 = credential(&hub.get(&path).await?, false)? {
        return Err(no_keys());
    }
    let mut target = json!({"id": device});
    if let Some(module) = module {
        target["moduleId"] = json!(module);
    }
    let body = json!({"policyKey": policy_key, "devices": [target]});
    hub.send(Call {
        body: Some(&body),
        ..Call::new(Method::POST, &["devices", "keys", "regenerate"])
    })
    .await?;
    hub.get(&path).await
}

fn swap_keys(identity: &mut Value) -> Result<(), Failure> {
    let keys = identity
        .pointer_mut("/authentication/symmetricKey")
        .and_then(Value::as_object_mut)
        .filter(|keys| keys.get("primaryKey").is_some_and(Value::is_string));
    let Some(keys) = keys else {
        return Err(no_keys());
    };
    let primary = keys.remove("primaryKey");
    let secondary = keys.remove("secondaryKey");
    keys.insert("primaryKey".into(), secondary.unwrap_or_default());
    keys.insert("secondaryKey".into(), primary.unwrap_or_default());
    Ok(())
}

fn no_keys() -> Failure {
    Failure::Usage(
        "the identity has no keys to renew or swap: it proves who it is with a certificate".into(),
    )
}

/// What an identity's connection string carries.
pub fn credential(identity: &Value, secondary: bool) -> Result<Credential, Failure> {
    let authentication = &identity["authentication"];
    if matches!(
        authentication["type"].as_str(),
        Some("selfSigned" | "certificateAuthority")
    ) {
        return Ok(Credential::X509);
    }
    let name = if secondary {
        "secondaryKey"
    } else {
        "primaryKey"
    };
    authentication["symmetricKey"][name]
        .as_str()
        .map(|key| Credential::SharedAccessKey(key.to_owned()))
        .ok_or_else(|| {
            Failure::Usage("the identity has no keys: give it some with `update --auth-method shared_private_key`".into())
        })
}

/// `/devices/{device}` or `/devices/{device}/modules/{module}`.
pub fn path<'a>(device: &'a str, module: Option<&'a str>) -> Vec<&'a str> {
    let mut path = vec!["devices", device];
    if let Some(module) = module {
        path.extend(["modules", module]);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swapped_keys_change_places_and_certificates_can_not() {
        let mut identity = json!({"authentication": {"type": "sas", "symmetricKey": {"primaryKey": "a", "secondaryKey": "b"}}});

        swap_keys(&mut identity).unwrap();

        assert_eq!(
            identity["authentication"]["symmetricKey"],
            json!({"primaryKey": "b", "secondaryKey": "a"})
        );
        assert!(swap_keys(&mut json!({"authentication": {"type": "selfSigned"}})).is_err());
    }
}
