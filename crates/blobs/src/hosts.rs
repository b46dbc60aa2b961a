//! Names of hosts, as an operator allows them.

use std::fmt;
use std::str::FromStr;

/// `store.plant.example`, or `*.plant.example` for all names below that one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern(String);

/// It is no name of a host, nor one behind `*.`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write a host's name or address, or *. and a name for all below it")]
pub struct InvalidHost;

impl HostPattern {
    /// From a setting.
    pub fn parse(text: &str) -> Result<Self, InvalidHost> {
        let name = text.strip_prefix("*.").unwrap_or(text);
        // Anything that a URI would read as more than a host.
        let is_host = !name.is_empty() && !name.contains(['*', '/', '?', '#', '@', ' ']);
        url::Host::parse(name)
            .ok()
            .filter(|_| is_host)
            .map(|host| match text.strip_prefix("*.") {
                Some(_) => HostPattern(format!("*.{host}")),
                None => HostPattern(host.to_string()),
            })
            .ok_or(InvalidHost)
    }

    /// Whether it is this host, as a URI has it: in lower case.
    pub(crate) fn matches(&self, host: &str) -> bool {
        match self.0.strip_prefix('*') {
            Some(end) => host.len() > end.len() && host.ends_with(end),
            None => host == self.0,
        }
    }
}

impl FromStr for HostPattern {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        HostPattern::parse(text)
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_itself_and_a_star_is_what_lies_below() {
        let cases = [
            ("Store.Plant.example", "store.plant.example", true),
            ("store.plant.example", "other.plant.example", false),
            (
                "store.plant.example",
                "store.plant.example.evil.example",
                false,
            ),
            ("*.plant.example", "a.plant.example", true),
            ("*.plant.example", "a.b.plant.example", true),
            ("*.plant.example", "plant.example", false),
            ("*.plant.example", "notplant.example", false),
            ("10.0.0.7", "10.0.0.7", true),
            ("[::1]", "[::1]", true),
        ];
        for (pattern, host, matches) in cases {
            let parsed = HostPattern::parse(pattern).unwrap();

            assert_eq!(parsed.matches(host), matches, "{pattern} {host}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in [
            "",
            "*",
            "*.",
            "a.*.example",
            "https://a.example",
            "a.example/b",
            "a:443",
        ] {
            assert_eq!(HostPattern::parse(text), Err(InvalidHost), "{text}");
        }
    }
}
