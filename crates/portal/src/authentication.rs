//! What an identity proves itself with, as forms have it.
//!
//! The fields are in `authentication.html`, which a template includes that has
//! an [`AuthenticationForm`] as `authentication`, and what is wrong with it as
//! `problems` at the field `authentication`.

use serde_json::{Value, json};

use crate::fields::Fields;

/// Azure's words for the types that a form may choose.
pub const TYPES: [(&str, &str); 3] = [
    ("sas", "Symmetric key"),
    ("selfSigned", "X.509 self-signed"),
    ("certificateAuthority", "X.509 CA signed"),
];

/// What a type is called.
pub fn type_name(kind: &str) -> &str {
    let known = TYPES.iter().find(|(name, _)| *name == kind);
    known.map_or(kind, |(_, called)| called)
}

/// The fields about authentication, as they were typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticationForm {
    /// The type, in the API's word.
    pub kind: String,
    /// Whether keys may be given; else they are the hub's business.
    pub asks_keys: bool,
    /// Empty for one that the hub makes.
    pub primary_key: String,
    /// Empty for one that the hub makes.
    pub secondary_key: String,
    /// Hexadecimal.
    pub primary_thumbprint: String,
    /// Hexadecimal, or empty.
    pub secondary_thumbprint: String,
}

impl AuthenticationForm {
    /// Of a new identity: keys that the hub makes.
    pub fn for_new() -> Self {
        AuthenticationForm {
            kind: "sas".to_owned(),
            asks_keys: true,
            primary_key: String::new(),
            secondary_key: String::new(),
            primary_thumbprint: String::new(),
            secondary_thumbprint: String::new(),
        }
    }

    /// What was typed. Keys are read only where the form had asked for them.
    pub fn read(fields: &Fields, asks_keys: bool) -> Self {
        let text = |name| fields.given(name).unwrap_or_default().to_owned();
        let key = |name| match asks_keys {
            true => text(name),
            false => String::new(),
        };
        AuthenticationForm {
            kind: fields
                .given("authentication-type")
                .unwrap_or("sas")
                .to_owned(),
            asks_keys,
            primary_key: key("primary-key"),
            secondary_key: key("secondary-key"),
            primary_thumbprint: thumbprint(fields.get("primary-thumbprint")),
            secondary_thumbprint: thumbprint(fields.get("secondary-thumbprint")),
        }
    }

    /// The types to choose from.
    pub fn types(&self) -> [(&'static str, &'static str); 3] {
        TYPES
    }

    /// The API's `authentication`: what the type needs, and nothing else.
    pub fn to_json(&self) -> Value {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        match self.kind.as_str() {
            "sas" => json!({
                "type": "sas",
                "symmetricKey": {
                    "primaryKey": given(&self.primary_key),
                    "secondaryKey": given(&self.secondary_key),
                },
            }),
            "selfSigned" => json!({
                "type": "selfSigned",
                "x509Thumbprint": {
                    "primaryThumbprint": given(&self.primary_thumbprint),
                    "secondaryThumbprint": given(&self.secondary_thumbprint),
                },
            }),
            other => json!({ "type": other }),
        }
    }
}

/// Tools print thumbprints with colons or blanks between the bytes.
fn thumbprint(typed: &str) -> String {
    let separates = |letter: char| letter == ':' || letter.is_whitespace();
    typed.replace(separates, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(form: &str, asks_keys: bool) -> Value {
        AuthenticationForm::read(&Fields::parse(form.as_bytes()), asks_keys).to_json()
    }

    #[test]
    fn a_form_sends_what_its_type_needs_and_nothing_else() {
        let form = "primary-key=a&primary-thumbprint=AB%3ACD&authentication-type=";

        let keys = read(&format!("{form}sas"), true);
        let thumbprints = read(&format!("{form}selfSigned"), true);
        let authority = read(&format!("{form}certificateAuthority"), true);

        let given = json!({ "primaryKey": "a", "secondaryKey": null });
        assert_eq!(keys, json!({ "type": "sas", "symmetricKey": given }));
        let given = json!({ "primaryThumbprint": "ABCD", "secondaryThumbprint": null });
        assert_eq!(
            thumbprints,
            json!({ "type": "selfSigned", "x509Thumbprint": given })
        );
        assert_eq!(authority, json!({ "type": "certificateAuthority" }));
    }

    #[test]
    fn keys_that_were_not_asked_for_are_not_taken() {
        let sent = read("authentication-type=sas&primary-key=a", false);

        assert_eq!(sent["symmetricKey"]["primaryKey"], Value::Null);
    }

    #[test]
    fn types_have_azures_names() {
        assert_eq!(type_name("selfSigned"), "X.509 self-signed");
        assert_eq!(type_name("none"), "none");
    }
}
