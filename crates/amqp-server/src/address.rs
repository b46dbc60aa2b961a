//! What a link is attached to.

use percent_encoding::percent_decode_str;

/// The address of a link: `amqps://{host}[:{port}]/{path}`, `/{path}` or
/// `{path}`, with the path's segments percent-decoded once, each for itself.
///
/// Clients disagree about slashes at both ends, which are left out, and about
/// the case of fixed words, which is for the user to compare without.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Address {
    host: Option<String>,
    segments: Vec<String>,
}

impl Address {
    /// Takes an address apart. What is not UTF-8 once decoded stays encoded.
    pub fn parse(text: &str) -> Self {
        let (host, path) = match text.split_once("://") {
            Some((_scheme, rest)) => {
                let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
                (Some(without_port(authority).to_owned()), path)
            }
            None => (None, text),
        };
        let path = path.trim_matches('/');
        let segments = match path {
            "" => Vec::new(),
            path => path.split('/').map(decode).collect(),
        };
        Address { host, segments }
    }

    /// The host, if the address has one; without its port.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The decoded segments of the path.
    pub fn segments(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    /// Whether the path is exactly these segments, whatever the case.
    pub fn is(&self, segments: &[&str]) -> bool {
        self.segments.len() == segments.len()
            && self
                .segments
                .iter()
                .zip(segments)
                .all(|(mine, other)| mine.eq_ignore_ascii_case(other))
    }
}

/// The path with slashes between, decoded: for people.
impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.segments.join("/"))
    }
}

fn decode(segment: &str) -> String {
    match percent_decode_str(segment).decode_utf8() {
        Ok(text) => text.into_owned(),
        Err(_) => segment.to_owned(),
    }
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_and_relative_addresses_have_the_same_segments() {
        for text in [
            "amqps://hub.example.com:5671/devices/a%2Fb/messages/events",
            "amqps://hub.example.com/devices/a%2Fb/messages/events/",
            "/devices/a%2Fb/messages/events",
            "devices/a%2Fb/messages/events",
        ] {
            let address = Address::parse(text);

            assert_eq!(
                address.segments(),
                ["devices", "a/b", "messages", "events"],
                "{text}"
            );
        }
    }

    #[test]
    fn the_host_has_no_port() {
        let address = Address::parse("sb://Hub.example.com:5671/entity");

        assert_eq!(address.host(), Some("Hub.example.com"));
        assert_eq!(Address::parse("/entity").host(), None);
    }

    #[test]
    fn words_compare_without_case() {
        assert!(Address::parse("/messages/DeviceBound").is(&["messages", "devicebound"]));
        assert!(!Address::parse("/messages").is(&["messages", "devicebound"]));
    }

    #[test]
    fn an_id_with_percent_signs_is_decoded_once() {
        assert_eq!(
            Address::parse("devices/a%252Fb").segments(),
            ["devices", "a%2Fb"]
        );
        assert_eq!(Address::parse("devices/50%").segments(), ["devices", "50%"]);
    }

    #[test]
    fn a_question_mark_belongs_to_the_id() {
        // Node's device SDK encodes nothing, and IDs may have it.
        assert_eq!(
            Address::parse("/devices/pump?(7)/messages/events").segments(),
            ["devices", "pump?(7)", "messages", "events"]
        );
    }

    #[test]
    fn nothing_has_no_segments() {
        assert!(Address::parse("").segments().is_empty());
        assert!(Address::parse("amqps://host").segments().is_empty());
    }
}
