//! Serves just enough of an event hub for Python's `azure-eventhub`.
//!
//! `eventhub_probe.py` beside this folder is the client. Together they show
//! that the codec's output is what that client reads: SASL, `$cbs`,
//! `$management`, a reader with its filter, events in one and several frames.
//!
//! ```text
//! cargo run -p twinhub-amqp-engine --example eventhub_probe -- --port 0 --port-file F
//! python eventhub_probe.py --port $(cat F)
//! ```
//!
//! Prints the port, serves plain TCP on loopback, ends after `--seconds`.
//! The shortcuts are the example's own: tokens are not verified, credit is
//! believed, nothing is stored.

mod connection;
mod nodes;
mod selector;
mod session;

use std::error::Error;
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::net::TcpListener;

/// Any failure: it ends the connection, and is told on standard error.
type Failure = Box<dyn Error + Send + Sync>;

struct Options {
    port: u16,
    port_file: Option<PathBuf>,
    lifetime: Duration,
}

impl Options {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut options = Self {
            port: 0,
            port_file: None,
            lifetime: Duration::from_secs(120),
        };
        while let Some(name) = words.next() {
            let value = words.next().ok_or(format!("{name} needs a value"))?;
            match name.as_str() {
                "--port" => options.port = value.parse()?,
                "--port-file" => options.port_file = Some(value.into()),
                "--seconds" => options.lifetime = Duration::from_secs(value.parse()?),
                _ => return Err(format!("unknown option {name}").into()),
            }
        }
        Ok(options)
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let options = Options::parse(std::env::args().skip(1))?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
    let port = listener.local_addr()?.port();
    if let Some(file) = &options.port_file {
        std::fs::write(file, port.to_string())?;
    }
    writeln!(std::io::stdout(), "{port}")?;

    match tokio::time::timeout(options.lifetime, accept(listener)).await {
        Ok(failure) => failure,
        Err(_) => Ok(()),
    }
}

async fn accept(listener: TcpListener) -> Result<(), Failure> {
    loop {
        let (stream, peer) = listener.accept().await?;
        tokio::spawn(async move {
            match connection::serve(stream).await {
                Ok(()) => eprintln!("{peer}: closed"),
                Err(failure) => eprintln!("{peer}: {failure}"),
            }
        });
    }
}
