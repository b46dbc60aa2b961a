//! Where a broker is, how one logs in, and what is sent to.

use percent_encoding::percent_decode_str;
use twinhub_sas::SigningKey;
use url::Url;

const WITH_TLS: u16 = 5671;
const WITHOUT_TLS: u16 = 5672;

/// A broker, and the address that is sent to.
#[derive(Debug)]
pub(super) struct Broker {
    pub host: String,
    pub port: u16,
    pub has_tls: bool,
    pub login: Login,
    pub address: String,
}

/// How one logs in.
pub(super) enum Login {
    /// As nobody.
    Nobody,
    /// With a name and a password.
    User { name: String, password: String },
    /// With tokens that a key signs.
    Key { name: String, key: SigningKey },
    /// With a token that somebody else has signed.
    Token(String),
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Login::Nobody => "Nobody",
            Login::User { .. } => "User(..)",
            Login::Key { .. } => "Key(..)",
            Login::Token(_) => "Token(..)",
        })
    }
}

const UNUSABLE: &str = "the connection is neither Endpoint=sb://host/;SharedAccessKeyName=..;\
                        SharedAccessKey=.. nor amqps://user:password@host";

impl Broker {
    /// Reads a connection string of Service Bus and Event Hubs, or an address
    /// of any broker. An `address` that is empty stands in the connection.
    pub(super) fn parse(connection: &str, address: &str) -> Result<Self, &'static str> {
        let connection = connection.trim();
        let mut broker = if connection.starts_with("amqp") {
            of_address(connection)?
        } else {
            of_connection_string(connection)?
        };
        if !address.is_empty() {
            broker.address = address.to_owned();
        }
        if broker.address.is_empty() {
            return Err("the endpoint names neither a queue nor an EntityPath");
        }
        Ok(broker)
    }
}

fn of_address(text: &str) -> Result<Broker, &'static str> {
    let url = Url::parse(text).map_err(|_| UNUSABLE)?;
    let has_tls = match url.scheme() {
        "amqps" => true,
        "amqp" => false,
        _ => return Err(UNUSABLE),
    };
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let login = match (url.username(), url.password()) {
        ("", _) => Login::Nobody,
        (name, password) => Login::User {
            name: decoded(name),
            password: decoded(password.unwrap_or_default()),
        },
    };
    Ok(Broker {
        host: host_of(&url)?,
        port: url.port().unwrap_or(port(has_tls)),
        has_tls,
        login,
        address: decoded(url.path().trim_start_matches('/')),
    })
}

/// <https://learn.microsoft.com/azure/service-bus-messaging/service-bus-dotnet-get-started-with-queues>
fn of_connection_string(text: &str) -> Result<Broker, &'static str> {
    let setting = |name: &str| {
        let mut fields = text.split(';').filter_map(|field| field.split_once('='));
        fields
            .find(|(known, _)| known.trim().eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    };
    let url = Url::parse(setting("Endpoint").ok_or(UNUSABLE)?).map_err(|_| UNUSABLE)?;
    if url.scheme() != "sb" {
        return Err(UNUSABLE);
    }
    let login = match (
        setting("SharedAccessKeyName"),
        setting("SharedAccessKey"),
        setting("SharedAccessSignature"),
    ) {
        (Some(name), Some(key), _) => Login::Key {
            name: name.to_owned(),
            key: SigningKey::from_text(key).map_err(|_| UNUSABLE)?,
        },
        (_, _, Some(token)) => Login::Token(token.to_owned()),
        _ => return Err(UNUSABLE),
    };
    // What the emulators of Service Bus and Event Hubs say of themselves.
    let is_emulator = setting("UseDevelopmentEmulator");
    let has_tls = !is_emulator.is_some_and(|says| says.eq_ignore_ascii_case("true"));
    Ok(Broker {
        host: host_of(&url)?,
        port: url.port().unwrap_or(port(has_tls)),
        has_tls,
        login,
        address: setting("EntityPath").unwrap_or_default().to_owned(),
    })
}

fn host_of(url: &Url) -> Result<String, &'static str> {
    let host = url.host_str().filter(|host| !host.is_empty());
    let host = host.ok_or(UNUSABLE)?;
    Ok(host.trim_matches(['[', ']']).to_owned())
}

fn port(has_tls: bool) -> u16 {
    if has_tls { WITH_TLS } else { WITHOUT_TLS }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_string_names_host_key_and_entity() {
        let text = "Endpoint=sb://plant.example/;SharedAccessKeyName=send;SharedAccessKey=aGVs\
                    bG8=;EntityPath=orders";

        let broker = Broker::parse(text, "").unwrap();

        assert_eq!(
            (
                broker.host.as_str(),
                broker.port,
                broker.has_tls,
                &*broker.address
            ),
            ("plant.example", 5671, true, "orders"),
        );
        let Login::Key { name, .. } = broker.login else {
            panic!("it is a key");
        };
        assert_eq!(name, "send");
    }

    #[test]
    fn an_address_names_host_user_and_queue() {
        let broker = Broker::parse("amqp://hub:p%40ss@[::1]:7000", "orders").unwrap();

        assert_eq!(
            (
                broker.host.as_str(),
                broker.port,
                broker.has_tls,
                &*broker.address
            ),
            ("::1", 7000, false, "orders"),
        );
        let Login::User { name, password } = broker.login else {
            panic!("it is a user");
        };
        assert_eq!((name.as_str(), password.as_str()), ("hub", "p@ss"));
    }

    #[test]
    fn an_emulator_has_no_tls() {
        let text = "Endpoint=sb://localhost;SharedAccessKeyName=a;SharedAccessKey=b;\
                    UseDevelopmentEmulator=true";

        let broker = Broker::parse(text, "orders").unwrap();

        assert_eq!((broker.port, broker.has_tls), (5672, false));
    }

    #[test]
    fn what_can_not_be_used_is_refused_without_its_secrets() {
        for text in [
            "",
            "amqp:s3cret",
            "amqpx://s3cret@host",
            "Endpoint=https://host/;SharedAccessKeyName=a;SharedAccessKey=s3cret",
            "SharedAccessKeyName=a;SharedAccessKey=s3cret",
            "Endpoint=sb://host/;SharedAccessKey=s3cret",
        ] {
            let refused = Broker::parse(text, "orders").unwrap_err();

            assert!(!refused.contains("s3cret"), "{text}");
        }
        assert!(Broker::parse("amqps://host", "").is_err());
    }
}
