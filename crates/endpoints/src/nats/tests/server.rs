//! A NATS server for one test.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::{self, stream};
use twinhub_core::events::PartitionId;
use twinhub_core::ids::HubName;
use twinhub_core::routing::{EndpointId, NatsTarget, Secret};

use crate::nats::Nats;
use crate::trust::Trust;

/// A server with JetStream, on loopback.
pub(super) struct Server {
    process: Child,
    port: u16,
    options: Vec<String>,
    folder: tempfile::TempDir,
}

impl Server {
    pub(super) async fn start(options: &[&str]) -> Self {
        let port = free_port();
        let options: Vec<_> = options.iter().map(|option| (*option).to_owned()).collect();
        let folder = tempfile::tempdir().unwrap();
        let process = Server::run(port, &options, folder.path());
        let server = Server {
            process,
            port,
            options,
            folder,
        };
        server.ready().await;
        server
    }

    fn run(port: u16, options: &[String], folder: &Path) -> Child {
        Command::new("nats-server")
            .args([
                "--addr",
                "127.0.0.1",
                "--port",
                &port.to_string(),
                "--jetstream",
            ])
            .arg("--store_dir")
            .arg(folder)
            .args(options)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nats-server is installed (Debian: apt-get install nats-server)")
    }

    async fn ready(&self) {
        let connected = async {
            let address = ("127.0.0.1", self.port);
            while tokio::net::TcpStream::connect(address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let within = Duration::from_secs(20);
        tokio::time::timeout(within, connected).await.unwrap();
    }

    pub(super) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    pub(super) async fn restart(&mut self) {
        self.process = Server::run(self.port, &self.options, self.folder.path());
        self.ready().await;
    }

    fn address(&self, login: &str) -> String {
        format!("nats://{login}127.0.0.1:{}", self.port)
    }

    pub(super) async fn client(&self) -> Client {
        async_nats::connect(self.address("")).await.unwrap()
    }

    /// A stream of everything below `plant`.
    pub(super) async fn stream(&self, config: stream::Config) -> stream::Stream {
        let config = stream::Config {
            name: "telemetry".to_owned(),
            subjects: vec!["plant.>".to_owned()],
            ..config
        };
        let context = jetstream::new(self.client().await);
        context.create_stream(config).await.unwrap()
    }

    pub(super) fn target(&self, login: &str, jetstream: bool) -> Nats {
        let target = NatsTarget {
            servers: Secret::new(self.address(login)),
            subject: "{iothub}.{deviceid}.{moduleid}".to_owned(),
            jetstream,
        };
        let hub = HubName::parse("plant").unwrap();
        let endpoint = EndpointId::generate();
        Nats::new(&hub, endpoint, &target, PartitionId(0), &Trust::default())
    }
}

/// A port that nobody has, so that a server comes back where it was.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
