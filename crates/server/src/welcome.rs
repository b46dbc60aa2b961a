//! What `serve` tells a person: where the hub is and what to do next.
//!
//! Standard error is also the log, which more people may read than the data
//! folder: a secret is shown on a terminal alone.

use std::path::Path;

use crate::{config::Ports, running::RunningHub};

/// The text of a first start, with `owner`, the connection string of
/// `iothubowner`, and `link`, a one-time link to the portal; or without them
/// the commands that print them.
pub fn first_start(
    hub: &RunningHub,
    owner: Option<&str>,
    link: Option<&str>,
    data_dir: &Path,
) -> String {
    let folder = option(data_dir);
    let owner = match owner {
        Some(owner) => format!("Connection string (iothubowner):\n    {owner}"),
        None => format!(
            "The connection string of iothubowner is printed by:\n    twinhub{folder} connection-string"
        ),
    };
    let ca = hub.ca.display();
    format!(
        "\
The hub `{name}` is ready, and new in {data_dir}.

  {listening}
  {portal}
  {owner}
  Clients must trust its CA, {ca}.
    Shells, Python and Node:  eval \"$(twinhub{folder} env)\"
    Everything else:          docs/trust.md

  Next, in another shell:
    twinhub{folder} device-identity create --device-id sensor-1
    twinhub{folder} connection-string --device-id sensor-1
  Programs read telemetry as from Event Hubs, docs/read-telemetry.md:
    twinhub{folder} connection-string --default-eventhub
",
        name = hub.hub,
        data_dir = data_dir.display(),
        listening = listening(hub),
        portal = portal(hub, link, data_dir),
    )
}

/// The lines of every later start.
pub fn later_start(hub: &RunningHub, link: Option<&str>, data_dir: &Path) -> String {
    format!(
        "The hub `{}` is ready. {}\n{}\n",
        hub.hub,
        listening(hub),
        portal(hub, link, data_dir)
    )
}

/// Where people look at the hub, and how they get in.
fn portal(hub: &RunningHub, link: Option<&str>, data_dir: &Path) -> String {
    match link {
        Some(link) => {
            format!("Portal, by a link that counts once and for 15 minutes:\n    {link}")
        }
        None => format!(
            "Portal: {}, by a link that this prints:\n    twinhub{} portal-link",
            hub.portal(),
            option(data_dir)
        ),
    }
}

fn listening(hub: &RunningHub) -> String {
    let Ports {
        https,
        mqtts,
        amqps,
    } = hub.ports;
    format!(
        "HTTPS on port {https}, MQTT on port {mqtts}, AMQP on port {amqps}, as {}.",
        hub.hostnames.join(", ")
    )
}

/// Names the folder, so that the commands shown can be copied as they are.
fn option(data_dir: &Path) -> String {
    format!(
        " --data-dir {}",
        crate::cli::shell_quoted(&data_dir.display().to_string())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str = "https://localhost/portal/sign-in?code=abc";

    fn hub() -> RunningHub {
        RunningHub {
            pid: 1,
            hub: "localhost".into(),
            hostnames: vec!["localhost".into()],
            address: "127.0.0.1".parse().unwrap(),
            ports: Ports::default(),
            ca: "/data/tls/ca.pem".into(),
        }
    }

    #[test]
    fn a_first_start_shows_what_a_person_needs_next() {
        let owner = Some("HostName=localhost;...");

        let text = first_start(&hub(), owner, Some(LINK), Path::new("/my data"));

        for needed in [
            "HostName=localhost;...",
            LINK,
            "/data/tls/ca.pem",
            "eval \"$(twinhub --data-dir '/my data' env)\"",
            "twinhub --data-dir '/my data' connection-string --default-eventhub\n",
            "HTTPS on port 443, MQTT on port 8883, AMQP on port 5671, as localhost.",
        ] {
            assert!(text.contains(needed), "{needed} is missing in:\n{text}");
        }
    }

    #[test]
    fn without_the_secret_the_command_that_prints_it_is_shown() {
        let text = first_start(&hub(), None, None, Path::new("/my data"));

        for command in [
            "twinhub --data-dir '/my data' connection-string\n",
            "twinhub --data-dir '/my data' portal-link\n",
        ] {
            assert!(text.contains(command), "{text}");
        }
    }

    #[test]
    fn a_later_start_says_how_to_get_into_the_portal() {
        let folder = Path::new("/data");

        let with_link = later_start(&hub(), Some(LINK), folder);
        let without = later_start(&hub(), None, folder);

        assert!(with_link.contains(LINK), "{with_link}");
        assert!(without.contains("https://localhost/portal,"), "{without}");
        assert!(
            without.contains("twinhub --data-dir /data portal-link"),
            "{without}"
        );
    }
}
