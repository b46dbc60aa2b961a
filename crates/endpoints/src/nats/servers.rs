//! Where the servers are, and how one logs in.

use async_nats::ServerAddr;
use percent_encoding::percent_decode_str;
use url::Url;

/// Addresses, and the login that stood in one of them: the client is not
/// told addresses with secrets, which it would log.
pub(super) struct Servers {
    pub addresses: Vec<ServerAddr>,
    pub login: Login,
}

/// How one logs in.
pub(super) enum Login {
    Nobody,
    User { name: String, password: String },
    Token(String),
}

const UNUSABLE: &str = "the servers are not nats:// or tls:// addresses with commas between them";

impl Servers {
    /// Reads addresses with commas between them.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let mut servers = Servers {
            addresses: Vec::new(),
            login: Login::Nobody,
        };
        for address in text
            .split(',')
            .map(str::trim)
            .filter(|text| !text.is_empty())
        {
            let mut url = Url::parse(address).map_err(|_| UNUSABLE)?;
            if !matches!(url.scheme(), "nats" | "tls") || url.host_str().is_none() {
                return Err(UNUSABLE);
            }
            if !url.username().is_empty() {
                servers.login = Login::in_address(&url);
            }
            let stripped = url.set_username("").and(url.set_password(None));
            stripped.map_err(|()| UNUSABLE)?;
            let address = ServerAddr::from_url(url).map_err(|_| UNUSABLE)?;
            servers.addresses.push(address);
        }
        if servers.addresses.is_empty() {
            return Err(UNUSABLE);
        }
        Ok(servers)
    }

    /// Whether an address says so.
    pub(super) fn want_tls(&self) -> bool {
        self.addresses.iter().any(ServerAddr::tls_required)
    }
}

impl Login {
    fn in_address(url: &Url) -> Self {
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let name = decoded(url.username());
        match url.password() {
            Some(password) => Login::User {
                name,
                password: decoded(password),
            },
            None => Login::Token(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_stands_in_an_address_and_is_taken_out_of_it() {
        let servers = Servers::parse("nats://hub:p%40ss@one:4223, tls://two").unwrap();

        let addresses: Vec<_> = servers
            .addresses
            .iter()
            .map(ServerAddr::as_url_str)
            .collect();
        assert_eq!(addresses, ["nats://one:4223", "tls://two"]);
        assert!(servers.addresses[1].tls_required());
        let Login::User { name, password } = servers.login else {
            panic!("it is a user");
        };
        assert_eq!((name.as_str(), password.as_str()), ("hub", "p@ss"));
    }

    #[test]
    fn a_name_without_a_password_is_a_token() {
        let servers = Servers::parse("nats://s3cret@one").unwrap();

        assert!(matches!(servers.login, Login::Token(token) if token == "s3cret"));
    }

    #[test]
    fn other_addresses_are_refused_without_showing_them() {
        for text in [
            "",
            ",",
            "one:4222",
            "http://s3cret@one",
            "nats://",
            "ws://one",
        ] {
            let refused = Servers::parse(text).err().unwrap();

            assert!(!refused.contains("s3cret"), "{text}");
        }
    }
}
