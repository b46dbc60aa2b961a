//! Texts that let one in: stored, and shown only masked.

use std::fmt;

/// A text that lets one in, or that holds something that does: stored, and
/// never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// What stands where a secret was.
const MASK: &str = "****";

/// The parts of connection strings that are not secret. A text without any of
/// them is none.
const OPEN_PARTS: [&str; 12] = [
    "accountname",
    "blobendpoint",
    "defaultendpointsprotocol",
    "endpoint",
    "endpointsuffix",
    "entitypath",
    "fileendpoint",
    "queueendpoint",
    "sharedaccesskeyname",
    "tableendpoint",
    "usedevelopmentemulator",
    "usedevelopmentstorage",
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

    /// An address as people may see it that may have a key in its path, as
    /// those of webhooks do: it is replaced, too.
    pub fn masked_address(&self) -> String {
        mask_path(&self.masked())
    }

    /// What is shown of a text that nothing is known of.
    pub fn hidden(&self) -> String {
        let shown = if self.0.is_empty() { "" } else { MASK };
        shown.to_owned()
    }

    /// Whether a text is what is shown of it.
    pub(super) fn is_shown_as(&self, text: &str) -> bool {
        [self.masked(), self.masked_address(), self.hidden()]
            .iter()
            .any(|shown| shown == text)
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
    let mut parts = text.split(';').filter_map(|part| part.split_once('='));
    parts.any(|(name, _)| is_open(name))
}

fn is_open(part: &str) -> bool {
    OPEN_PARTS.contains(&part.trim().to_ascii_lowercase().as_str())
}

fn mask_part(part: &str) -> String {
    match part.split_once('=') {
        None if part.trim().is_empty() => part.to_owned(),
        None => MASK.to_owned(),
        Some((name, _)) if !is_open(name) => format!("{name}={MASK}"),
        Some((name, value)) if value.contains("://") => format!("{name}={}", mask_address(value)),
        Some(_) => part.to_owned(),
    }
}

fn mask_path(address: &str) -> String {
    let (before, query) = address.split_at(address.find('?').unwrap_or(address.len()));
    let Some((scheme, rest)) = before.split_once("://") else {
        return address.to_owned();
    };
    match rest.split_once('/') {
        None | Some((_, "")) => address.to_owned(),
        Some((authority, _)) => format!("{scheme}://{authority}/{MASK}{query}"),
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
    fn a_key_with_an_equals_sign_is_no_connection_string() {
        for text in [
            "c2VjcmV0a2V5==",
            "session=abc",
            "key=abc; theme=dark",
            "ApiKey one=two",
        ] {
            assert_eq!(masked(text), "****", "{text}");
        }
    }

    #[test]
    fn parts_that_are_not_known_are_masked() {
        assert_eq!(
            masked("Endpoint=sb://bus.example/;Pwd=abc;SasKey=a2V5==;abc"),
            "Endpoint=sb://bus.example/;Pwd=****;SasKey=****;****"
        );
    }

    #[test]
    fn the_path_of_a_webhook_is_masked() {
        for (url, shown) in [
            (
                "https://hook.example/services/T/B/x",
                "https://hook.example/****",
            ),
            (
                "https://a:b@hook.example/in?code=c",
                "https://a:****@hook.example/****?code=****",
            ),
            (
                "https://hook.example/?a=b/c",
                "https://hook.example/?a=****",
            ),
            ("https://hook.example?a=b/c", "https://hook.example?a=****"),
            ("https://hook.example", "https://hook.example"),
        ] {
            let url = Secret::new(url);

            assert_eq!(url.masked_address(), shown);
            assert!(url.is_shown_as(shown));
        }
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("key")), "Secret(..)");
    }
}
