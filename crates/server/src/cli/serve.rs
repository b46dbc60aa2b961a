//! `twinhub serve`

use std::{net::IpAddr, path::PathBuf};

use super::{
    access::{Access, Target},
    answer::Answer,
    failure::Failure,
};
use crate::config::{self, Overrides, PortOverrides, TlsOverrides};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  twinhub serve
  twinhub serve --data-dir ./hub --https-port 8443 --mqtts-port 18883
  twinhub serve --listen 0.0.0.0 --hostname hub.plant.example
  twinhub serve --tls-cert /etc/hub/fullchain.pem --tls-key /etc/hub/key.pem

Settings also come from TWINHUB_* variables and from twinhub.toml in the data
folder; options win over variables, and variables over the file. Stop with
Ctrl-C or SIGTERM: sessions are told, and everything acknowledged is on disk.")]
pub struct Args {
    /// Address to listen on; repeat for more [default: 127.0.0.1 and ::1]
    #[arg(long, value_name = "IP", value_delimiter = ',')]
    listen: Vec<IpAddr>,
    /// Name of the hub in certificate and connection strings; repeat for more [default: localhost]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    hostname: Vec<String>,
    /// Port of HTTPS and WebSockets [default: 443]
    #[arg(long, value_name = "PORT")]
    https_port: Option<u16>,
    /// Port of MQTT over TLS [default: 8883]
    #[arg(long, value_name = "PORT")]
    mqtts_port: Option<u16>,
    /// Port of AMQP over TLS [default: 5671]
    #[arg(long, value_name = "PORT")]
    amqps_port: Option<u16>,
    /// Own certificate with its intermediates, PEM, instead of one from the local CA
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// Private key of the own certificate, PEM
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// What is logged: a level, or targets with levels [default: info]
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
}

impl Args {
    fn overrides(self) -> Overrides {
        Overrides {
            hostname: self.hostname,
            listen: self.listen,
            log: self.log,
            ports: PortOverrides {
                https: self.https_port,
                mqtts: self.mqtts_port,
                amqps: self.amqps_port,
            },
            tls: TlsOverrides {
                cert: self.tls_cert,
                key: self.tls_key,
            },
        }
    }
}

pub fn run(args: Args, access: Access) -> Result<Answer, Failure> {
    if matches!(access.target(), Target::Login(_)) {
        return Err(Failure::Usage(
            "serve starts a hub of its own: leave --login out".into(),
        ));
    }
    let data_dir = access.data_dir().clone();
    let loaded = config::load(&data_dir, access.environment(), &args.overrides())
        .map_err(|error| Failure::Usage(error.to_string()))?;
    for notice in &loaded.notices {
        eprintln!("note: {notice}");
    }
    let recent = crate::logging::start(&loaded.config.log)?;
    crate::serve::run(loaded.config, data_dir, recent)?;
    Ok(Answer::Nothing)
}
