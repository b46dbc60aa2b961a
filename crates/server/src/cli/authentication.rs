//! Options that set how an identity proves who it is.

use clap::ValueEnum;
use serde_json::{Value, json};

use super::failure::Failure;

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
}
