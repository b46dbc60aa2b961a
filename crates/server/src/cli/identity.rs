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

/// How an identity proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum AuthMethod {
    /// Two keys that sign tokens
    SharedPrivateKey,
    /// Certificates known by their thumbprint
    #[value(name = "x509_thumbprint")]
    X509Thumbprint,
    /// A certificate that a registered authority signed
    #[value(name = "x509_ca")]
    X509Ca,
}

/// Options that set how an identity proves who it is.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Authentication")]
pub struct Authentication {
    /// How the identity proves who it is [default for a new one: shared_private_key]
    #[arg(long, visible_alias = "am", value_name = "METHOD")]
    pub auth_method: Option<AuthMethod>,
    /// Primary key in base64; made by the hub when left out
    #[arg(long, visible_alias = "pk", value_name = "KEY")]
    pub primary_key: Option<String>,
    /// Secondary key in base64
    #[arg(long, visible_alias = "sk", value_name = "KEY")]
    pub secondary_key: Option<String>,
    /// SHA-1 or SHA-256 thumbprint of the primary certificate
    #[arg(long, visible_alias = "ptp", value_name = "HEX")]
    pub primary_thumbprint: Option<String>,
    /// Thumbprint of the secondary certificate
    #[arg(long, visible_alias = "stp", value_name = "HEX")]
    pub secondary_thumbprint: Option<String>,
}

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

impl Authentication {
    /// The `authentication` of a new identity.
    pub fn of_new(&self) -> Result<Value, Failure> {
        let mut fresh = Value::Null;
        self.change(&mut fresh)?;
        if fresh.is_null() {
            fresh = json!({"type": "sas"});
        }
        Ok(fresh)
    }

    /// Changes an `authentication` as far as options were given.
    pub fn change(&self, present: &mut Value) -> Result<(), Failure> {
        let keys = self.primary_key.is_some() || self.secondary_key.is_some();
        let thumbprints = self.primary_thumbprint.is_some() || self.secondary_thumbprint.is_some();
        let method = match self.auth_method {
            Some(method) => method,
            None if keys => AuthMethod::SharedPrivateKey,
            None if thumbprints => AuthMethod::X509Thumbprint,
            None => return Ok(()),
        };
        if keys && method != AuthMethod::SharedPrivateKey {
            return Err(Failure::Usage(
                "keys go with --auth-method shared_private_key: leave them out, or change the method".into(),
            ));
        }
        if thumbprints && method != AuthMethod::X509Thumbprint {
            return Err(Failure::Usage(
                "thumbprints go with --auth-method x509_thumbprint: leave them out, or change the method".into(),
            ));
        }
        *present = match method {
            AuthMethod::SharedPrivateKey => {
                let old = &present["symmetricKey"];
                let primary = chosen(&self.primary_key, &old["primaryKey"]);
                let secondary = chosen(&self.secondary_key, &old["secondaryKey"]);
                if primary.is_null() != secondary.is_null() {
                    return Err(Failure::Usage(
                        "an identity has two keys or none: give --primary-key and --secondary-key, or leave both to the hub".into(),
                    ));
                }
                json!({"type": "sas", "symmetricKey": {
                    "primaryKey": primary,
                    "secondaryKey": secondary,
                }})
            }
            AuthMethod::X509Thumbprint => {
                let old = &present["x509Thumbprint"];
                let primary = chosen(&self.primary_thumbprint, &old["primaryThumbprint"]);
                let secondary = chosen(&self.secondary_thumbprint, &old["secondaryThumbprint"]);
                if primary.is_null() && secondary.is_null() {
                    return Err(Failure::Usage(
                        "x509_thumbprint needs --primary-thumbprint: `openssl x509 -in cert.pem -noout -fingerprint -sha256 | tr -d :` tells it".into(),
                    ));
                }
                json!({"type": "selfSigned", "x509Thumbprint": {
                    "primaryThumbprint": primary,
                    "secondaryThumbprint": secondary,
                }})
            }
            AuthMethod::X509Ca => json!({"type": "certificateAuthority"}),
        };
        Ok(())
    }
}

fn chosen(given: &Option<String>, present: &Value) -> Value {
    given
        .as_ref()
        .map_or_else(|| present.clone(), |text| json!(text))
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
    fn options_tell_the_method_and_keep_what_they_do_not_name() {
        let mut present =
            json!({"type": "sas", "symmetricKey": {"primaryKey": "a", "secondaryKey": "b"}});
        let options = Authentication {
            primary_key: Some("c".into()),
            ..Authentication::default()
        };

        options.change(&mut present).unwrap();

        let expected =
            json!({"type": "sas", "symmetricKey": {"primaryKey": "c", "secondaryKey": "b"}});
        assert_eq!(present, expected);
    }

    #[test]
    fn without_options_a_new_identity_gets_keys_from_the_hub() {
        let authentication = Authentication::default().of_new().unwrap();

        assert_eq!(authentication, json!({"type": "sas"}));
    }

    #[test]
    fn options_that_contradict_each_other_are_wrong_usage() {
        let thumbprint_without_value = Authentication {
            auth_method: Some(AuthMethod::X509Thumbprint),
            ..Authentication::default()
        };
        let key_for_a_certificate = Authentication {
            auth_method: Some(AuthMethod::X509Ca),
            primary_key: Some("a".into()),
            ..Authentication::default()
        };
        let one_key_of_two = Authentication {
            primary_key: Some("a".into()),
            ..Authentication::default()
        };

        for options in [
            thumbprint_without_value,
            key_for_a_certificate,
            one_key_of_two,
        ] {
            assert_eq!(options.of_new().unwrap_err().exit_code(), 2);
        }
    }

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
