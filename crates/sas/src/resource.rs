//! What a token was signed for: a host, and perhaps a path below it.
//!
//! A token's `sr` is percent-decoded **once, as a whole**, and then split at
//! its slashes. That is what the SDKs' own encoding calls for: Python and Node
//! join host and plain IDs with `/` and encode the result once (every `/`
//! becomes `%2F`), older Node releases and C leave the slashes raw. An ID
//! cannot contain `/`, so both give the same segments. The ID `a%b` arrives as
//! `a%25b`, and `a%2Fb` as `a%252Fb`: one decoding restores them, a second
//! would turn one identity into another.
//!
//! A `%` that is not followed by two hex digits stands for itself; no encoder
//! writes one, a client that does not encode may. `+` is an ordinary
//! character, never a blank.

use percent_encoding::percent_decode_str;

/// Why an `sr` names no resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResourceError {
    /// What the escapes stand for is not text.
    #[error("the resource is not UTF-8 once decoded")]
    NotUtf8,
    /// There is no host before the first slash.
    #[error("the resource has no host")]
    NoHost,
}

/// A decoded resource: `{host}/devices/{device}` and the like.
///
/// A scheme (`sb://`, `amqps://`, `https://`) and a port are not part of what
/// is compared and are left out, and so are slashes at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourcePath {
    host: String,
    segments: Vec<String>,
}

impl ResourcePath {
    /// Decodes a raw `sr` and splits it.
    pub fn from_encoded(raw: &str) -> Result<Self, ResourceError> {
        Self::from_decoded(&decode(raw)?)
    }

    /// Splits a resource that is decoded already.
    pub fn from_decoded(resource: &str) -> Result<Self, ResourceError> {
        let resource = match resource.split_once("://") {
            Some((scheme, rest)) if is_scheme(scheme) => rest,
            _ => resource,
        };
        let mut parts = resource.trim_end_matches('/').split('/');
        let host = without_port(parts.next().unwrap_or_default());
        if host.is_empty() {
            return Err(ResourceError::NoHost);
        }
        Ok(Self {
            host: host.to_owned(),
            segments: parts.map(str::to_owned).collect(),
        })
    }

    /// The host as the token spells it, without scheme and port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The segments below the host, decoded; none when the token is for the host.
    pub fn segments(&self) -> impl ExactSizeIterator<Item = &str> {
        self.segments.iter().map(String::as_str)
    }

    /// Whether a token for this resource is good for `path` on `host`.
    ///
    /// It is when the hosts are equal without regard to case and this path is
    /// a prefix of the other, segment by segment and with regard to case, as
    /// IDs are compared: `a/b` covers `a/b/c`, but neither `a/bc` nor `A/b`.
    pub fn covers(&self, host: &str, path: &[&str]) -> bool {
        self.covers_by(host, path, |one, other| one == other)
    }

    /// Like [`covers`](Self::covers), with the path compared without regard to
    /// (ASCII) case, as Event Hubs entities and consumer groups are.
    pub fn covers_ignoring_case(&self, host: &str, path: &[&str]) -> bool {
        self.covers_by(host, path, str::eq_ignore_ascii_case)
    }

    fn covers_by(&self, host: &str, path: &[&str], same: impl Fn(&str, &str) -> bool) -> bool {
        self.host.eq_ignore_ascii_case(host)
            && self.segments.len() <= path.len()
            && self
                .segments
                .iter()
                .zip(path)
                .all(|(mine, theirs)| same(mine, theirs))
    }
}

/// Percent-decodes a resource as a whole, once.
pub(crate) fn decode(raw: &str) -> Result<String, ResourceError> {
    percent_decode_str(raw)
        .decode_utf8()
        .map(|text| text.into_owned())
        .map_err(|_| ResourceError::NotUtf8)
}

fn is_scheme(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
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

    const HOST: &str = "hub.example.com";

    fn resource(raw: &str) -> ResourcePath {
        ResourcePath::from_encoded(raw).unwrap()
    }

    #[test]
    fn encoded_and_raw_slashes_give_the_same_segments() {
        let encoded = resource("hub.example.com%2Fdevices%2fpump-7");
        let raw = resource("hub.example.com/devices/pump-7");

        assert_eq!(encoded, raw);
        assert_eq!(raw.host(), HOST);
        assert_eq!(raw.segments().collect::<Vec<_>>(), ["devices", "pump-7"]);
    }

    #[test]
    fn a_prefix_covers_by_whole_segments_only() {
        let token = resource("hub.example.com%2Fdevices%2Fpump");

        assert!(token.covers(HOST, &["devices", "pump"]));
        assert!(token.covers(HOST, &["devices", "pump", "modules", "m"]));
        assert!(!token.covers(HOST, &["devices", "pump-7"]));
        assert!(!token.covers(HOST, &["devices"]));
        assert!(!token.covers(HOST, &[]));
    }

    #[test]
    fn the_host_ignores_case_and_the_ids_do_not() {
        let token = resource("HUB.Example.COM%2Fdevices%2FPump");

        assert!(token.covers(HOST, &["devices", "Pump"]));
        assert!(!token.covers(HOST, &["devices", "pump"]));
        assert!(!token.covers("other.example.com", &["devices", "Pump"]));
        assert!(token.covers_ignoring_case(HOST, &["Devices", "pump"]));
    }

    #[test]
    fn a_host_alone_covers_everything_on_it() {
        let token = resource(HOST);

        assert!(token.covers(HOST, &[]));
        assert!(token.covers(HOST, &["devices", "d"]));
        assert!(!token.covers("hub.example.com.evil.org", &[]));
        assert!(!token.covers("example.com", &[]));
    }

    #[test]
    fn scheme_port_and_closing_slash_are_not_compared() {
        for raw in [
            "amqps%3A%2F%2Fhub.example.com%3A5671%2F",
            "sb://hub.example.com/",
            "https%3a%2f%2fhub.example.com",
            "hub.example.com:443",
        ] {
            assert_eq!(resource(raw), resource(HOST), "{raw}");
        }
    }

    #[test]
    fn an_id_with_percent_signs_is_decoded_once() {
        // The ID is `a%2Fb`: legal, and not the two segments `a` and `b`.
        let token = resource("hub.example.com%2Fdevices%2Fa%252Fb");

        assert!(token.covers(HOST, &["devices", "a%2Fb"]));
        assert!(!token.covers(HOST, &["devices", "a", "b"]));
        assert!(!token.covers(HOST, &["devices", "a/b"]));
    }

    #[test]
    fn a_stray_percent_sign_and_a_plus_stand_for_themselves() {
        let token = resource("hub.example.com/devices/50%-a+b");

        assert!(token.covers(HOST, &["devices", "50%-a+b"]));
    }

    #[test]
    fn inner_empty_segments_never_match_an_id() {
        let token = resource("hub.example.com//devices");

        assert!(!token.covers(HOST, &["devices", "d"]));
    }

    #[test]
    fn resources_without_host_or_text_are_refused() {
        assert_eq!(
            ResourcePath::from_encoded("%2Fdevices%2Fd"),
            Err(ResourceError::NoHost)
        );
        assert_eq!(ResourcePath::from_encoded(""), Err(ResourceError::NoHost));
        assert_eq!(
            ResourcePath::from_encoded("sb://"),
            Err(ResourceError::NoHost)
        );
        assert_eq!(
            ResourcePath::from_encoded("hub%FF"),
            Err(ResourceError::NotUtf8)
        );
    }
}
