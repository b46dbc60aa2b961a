//! What `serve` tells a person: where the hub is and what to do next.
//!
//! Standard error is also the log, which more people may read than the data
//! folder: a secret is shown on a terminal alone.

use std::path::Path;

use crate::{config::Ports, running::RunningHub};

/// The text of a first start, with `owner`, the connection string of
/// `iothubowner`, or without it the command that prints it.
pub fn first_start(hub: &RunningHub, owner: Option<&str>, data_dir: &Path) -> String {
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
    )
}

/// The line of every later start.
pub fn later_start(hub: &RunningHub) -> String {
    format!("The hub `{}` is ready. {}\n", hub.hub, listening(hub))
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

        let text = first_start(&hub(), owner, Path::new("/my data"));

        for needed in [
            "HostName=localhost;...",
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
        let text = first_start(&hub(), None, Path::new("/my data"));

        let command = "twinhub --data-dir '/my data' connection-string\n";
        assert!(text.contains(command), "{text}");
    }
}
