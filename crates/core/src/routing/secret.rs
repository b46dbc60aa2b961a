//! Texts that let one in: stored, and shown only masked.

use std::fmt;

/// A text that lets one in, or that holds something that does: stored, and
/// never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// What stands where a secret was.
const MASK: &str = "****";

/// The parts of connection strings that are secret.
const SECRET_PARTS: [&str; 4] = [
    "sharedaccesskey",
    "accountkey",
    "sharedaccesssignature",
    "password",
];

/// The parameters of addresses that say what a signature allows: not secret.
const OPEN_PARAMETERS: [&str; 9] = ["sv", "ss", "srt", "sr", "sp", "st", "se", "spr", "si"];

impl Secret {
    /// Takes it.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The text: a secret.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The text as people may see it: keys in connection strings, passwords and
    /// parameters in addresses are replaced. What is neither a connection
    /// string nor an address is replaced as a whole.
    pub fn masked(&self) -> String {
        let text = self.0.as_str();
        match text {
            "" => String::new(),
            text if text.contains("://") && !has_parts(text) => {
                if text.split(',').all(|address| address.contains("://")) {
                    let addresses = text.split(',').map(mask_address);
                    addresses.collect::<Vec<_>>().join(",")
                } else {
                    mask_address(text)
                }
            }
            text if has_parts(text) => {
                let parts = text.split(';').map(mask_part);
                parts.collect::<Vec<_>>().join(";")
            }
            _ => MASK.to_owned(),
        }
    }

    /// Whether something in it is masked, so that it lets nobody in.
    pub(super) fn is_masked(&self) -> bool {
        self.0.contains(MASK)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Whether a text is a connection string: `Name=value;Name=value`.
fn has_parts(text: &str) -> bool {
    let name = text.split_once('=').map(|(name, _)| name);
    name.is_some_and(|name| {
        !name.is_empty() && name.trim().bytes().all(|b| b.is_ascii_alphanumeric())
    })
}

fn mask_part(part: &str) -> String {
    let Some((name, value)) = part.split_once('=') else {
        return part.to_owned();
    };
    let folded = name.trim().to_ascii_lowercase();
    if SECRET_PARTS.contains(&folded.as_str()) {
        format!("{name}={MASK}")
    } else if value.contains("://") {
        format!("{name}={}", mask_address(value))
    } else {
        part.to_owned()
    }
}

fn mask_address(address: &str) -> String {
    let (address, query) = match address.split_once('?') {
        Some((address, query)) => (address, Some(query)),
        None => (address, None),
    };
    let mut masked = mask_user(address);
    if let Some(query) = query {
        let parameters = query.split('&').map(mask_parameter);
        masked.push('?');
        masked.push_str(&parameters.collect::<Vec<_>>().join("&"));
    }
    masked
}

/// `scheme://user:password@host` or `scheme://token@host`.
fn mask_user(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else {
        return address.to_owned();
    };
    let authority_ends = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(authority_ends);
    let Some((user, host)) = authority.rsplit_once('@') else {
        return address.to_owned();
    };
    let user = match user.split_once(':') {
        Some((name, _)) => format!("{name}:{MASK}"),
        None => MASK.to_owned(),
    };
    format!("{scheme}://{user}@{host}{path}")
}

fn mask_parameter(parameter: &str) -> String {
    let name = parameter.split_once('=').map_or("", |(name, _)| name);
    if OPEN_PARAMETERS.contains(&name) {
        parameter.to_owned()
    } else if name.is_empty() {
        MASK.to_owned()
    } else {
        format!("{name}={MASK}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> String {
        Secret::new(text).masked()
    }

    #[test]
    fn keys_in_connection_strings_are_masked_and_the_rest_is_shown() {
        let bus = "Endpoint=sb://bus.example:5671/;SharedAccessKeyName=root;\
                   SharedAccessKey=c2VjcmV0==;EntityPath=orders";
        let account = "DefaultEndpointsProtocol=https;AccountName=store;AccountKey=a2V5;\
                       BlobEndpoint=http://127.0.0.1:10000/store?sig=abc";

        assert_eq!(
            masked(bus),
            "Endpoint=sb://bus.example:5671/;SharedAccessKeyName=root;\
             SharedAccessKey=****;EntityPath=orders"
        );
        assert_eq!(
            masked(account),
            "DefaultEndpointsProtocol=https;AccountName=store;AccountKey=****;\
             BlobEndpoint=http://127.0.0.1:10000/store?sig=****"
        );
    }

    #[test]
    fn passwords_and_parameters_in_addresses_are_masked() {
        for (text, shown) in [
            (
                "https://store.example/box?sv=2020&se=2030&sig=abc%3D",
                "https://store.example/box?sv=2020&se=2030&sig=****",
            ),
            (
                "https://hook.example/in?code=abc&token",
                "https://hook.example/in?code=****&****",
            ),
            (
                "amqps://me:pa@ss@broker.example:5671",
                "amqps://me:****@broker.example:5671",
            ),
            (
                "nats://token@one.example,nats://two.example:4222",
                "nats://****@one.example,nats://two.example:4222",
            ),
            (
                "https://hook.example/in?a=1,2&b=3",
                "https://hook.example/in?a=****&b=****",
            ),
            ("https://hook.example/@in", "https://hook.example/@in"),
            ("file:///srv/events", "file:///srv/events"),
            ("Bearer abc", "****"),
            ("", ""),
        ] {
            assert_eq!(masked(text), shown, "{text}");
        }
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("key")), "Secret(..)");
    }
}
