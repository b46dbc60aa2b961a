//! Which kind of endpoint is written by what.

use std::sync::Arc;

use twinhub_core::events::PartitionId;
use twinhub_core::hubs::Hub;
use twinhub_core::ports::{Containers, Target, Targets};
use twinhub_core::routing::{Endpoint, EndpointTarget};
use twinhub_core::time::Clock;

use crate::amqp::{self, Amqp};
use crate::nats::{self, Nats};
use crate::storage::{self, Storage};
use crate::trust::{InvalidAuthorities, Trust};
use crate::unavailable::Unavailable;
use crate::webhook::{self, Hooks, Ways, Webhook};

/// Ways to endpoints of every kind.
pub struct Endpoints {
    containers: Arc<dyn Containers>,
    clock: Arc<dyn Clock>,
    trust: Trust,
    allows_http: bool,
    hooks: Hooks,
}

impl Endpoints {
    /// Ways to endpoints. Blobs go to `containers`; `clock` says when.
    pub fn new(containers: Arc<dyn Containers>, clock: Arc<dyn Clock>) -> Self {
        Endpoints {
            containers,
            clock,
            trust: Trust::default(),
            allows_http: false,
            hooks: Hooks::default(),
        }
    }

    /// Whoever these authorities, in PEM, vouch for is trusted, too.
    pub fn trusting(mut self, pem: &[u8]) -> Result<Self, InvalidAuthorities> {
        self.trust = Trust::from_pem(pem)?;
        Ok(self)
    }

    /// Whether webhooks of other machines may be reached without encryption,
    /// too.
    pub fn allowing_http(mut self, allowed: bool) -> Self {
        self.allows_http = allowed;
        self
    }
}

impl Targets for Endpoints {
    fn check(&self, target: &EndpointTarget) -> Result<(), String> {
        match target {
            EndpointTarget::Storage(target) => {
                let usable = storage::check(&*self.containers, target, self.clock.now());
                usable.map_err(|problem| format!("connectionString: {problem}"))
            }
            EndpointTarget::Amqp(target) => {
                amqp::check(target).map_err(|problem| format!("connectionString: {problem}"))
            }
            EndpointTarget::Webhook(target) => webhook::check(target, self.allows_http),
            EndpointTarget::Nats(target) => {
                nats::check(target).map_err(|problem| format!("servers: {problem}"))
            }
        }
    }

    fn open(&self, hub: &Hub, endpoint: &Endpoint, partition: PartitionId) -> Box<dyn Target> {
        match &endpoint.target {
            EndpointTarget::Storage(target) => Box::new(Storage::new(
                self.containers.clone(),
                self.clock.clone(),
                hub.name(),
                target,
                partition,
            )),
            EndpointTarget::Amqp(target) => {
                Box::new(Amqp::new(target, self.trust.clone(), self.clock.clone()))
            }
            EndpointTarget::Webhook(target) => {
                let ways = Ways {
                    clock: &self.clock,
                    trust: &self.trust,
                    allows_http: self.allows_http,
                };
                match self.hooks.of(hub, endpoint, target, &ways) {
                    Ok(hook) => Box::new(Webhook::new(hook, partition)),
                    Err(failure) => Box::new(Unavailable::new(failure)),
                }
            }
            EndpointTarget::Nats(target) => Box::new(Nats::new(
                hub.name(),
                endpoint.id,
                target,
                partition,
                &self.trust,
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use twinhub_blobs::{BlobSettings, Stores};
    use twinhub_core::routing::{
        AmqpKind, AmqpTarget, NatsTarget, Secret, StorageEncoding, StorageTarget, WebhookSchema,
        WebhookTarget,
    };
    use twinhub_core::time::Timestamp;

    use super::*;

    struct NoClock;

    impl Clock for NoClock {
        fn now(&self) -> Timestamp {
            Timestamp::from_ticks(639_000_000_000_000_000)
        }
    }

    fn endpoints() -> Endpoints {
        let containers = Arc::new(Stores::new(BlobSettings::default()));
        Endpoints::new(containers, Arc::new(NoClock))
    }

    fn storage(connection: &str, container: &str) -> EndpointTarget {
        EndpointTarget::Storage(StorageTarget {
            connection: Secret::new(connection),
            container: container.to_owned(),
            file_name_format: String::new(),
            batch_frequency: Duration::from_secs(60),
            max_chunk_bytes: 10_485_760,
            encoding: StorageEncoding::Json,
        })
    }

    fn webhook(url: &str, header: &str) -> EndpointTarget {
        EndpointTarget::Webhook(WebhookTarget {
            url: Secret::new(url),
            schema: WebhookSchema::CloudEvents,
            headers: vec![("X-Key".to_owned(), Secret::new(header))],
        })
    }

    fn queue(connection: &str) -> EndpointTarget {
        EndpointTarget::Amqp(AmqpTarget {
            kind: AmqpKind::ServiceBusQueue,
            connection: Secret::new(connection),
            address: "orders".to_owned(),
        })
    }

    fn nats(servers: &str) -> EndpointTarget {
        EndpointTarget::Nats(NatsTarget {
            servers: Secret::new(servers),
            subject: "plant".to_owned(),
            jetstream: false,
        })
    }

    #[test]
    fn what_could_be_written_is_accepted_without_asking_anybody() {
        let folder = tempfile::tempdir().unwrap();
        let folder = format!("file://{}", folder.path().display());
        for target in [
            storage(&folder, ""),
            storage("AccountName=nobody;AccountKey=c2VjcmV0", "events"),
            storage("UseDevelopmentStorage=true", "events"),
            webhook("https://hook.example/in", "key"),
            webhook("http://127.0.0.1:9/in", "key"),
            webhook("http://localhost/in", "key"),
            queue("Endpoint=sb://bus.example/;SharedAccessKeyName=n;SharedAccessKey=a2V5"),
            nats("nats://user:word@one.example:4222,tls://two.example"),
        ] {
            assert_eq!(endpoints().check(&target), Ok(()), "{target:?}");
        }
    }

    #[test]
    fn what_can_never_be_written_is_told_by_setting_without_its_secret() {
        let folder = tempfile::tempdir().unwrap();
        let missing = format!("file://{}", folder.path().display());
        for (target, place, words) in [
            (
                storage(&missing, "events"),
                "connectionString: ",
                "no such folder",
            ),
            (
                storage("AccountName=plant;AccountKey=secret!", "events"),
                "connectionString: ",
                "AccountKey is not base64",
            ),
            (
                storage("http://store.example/events?sig=secret", ""),
                "connectionString: ",
                "use https",
            ),
            (
                webhook("http://hook.example/secret", ""),
                "url: ",
                "allow_http",
            ),
            (
                webhook("https://hook.example/", "secret\n"),
                "headers: ",
                "X-Key",
            ),
            (
                queue("Endpoint=http://secret/;SharedAccessKeyName=n;SharedAccessKey=a2V5"),
                "connectionString: ",
                "sb://",
            ),
            (nats("nats://"), "servers: ", "nats://"),
        ] {
            let problem = endpoints().check(&target).unwrap_err();

            assert!(problem.starts_with(place), "{problem}");
            assert!(problem.contains(words), "{problem}");
            assert!(!problem.contains("secret"), "{problem}");
        }
    }

    #[test]
    fn webhooks_elsewhere_are_reached_without_encryption_if_that_is_allowed() {
        let endpoints = endpoints().allowing_http(true);

        assert_eq!(
            endpoints.check(&webhook("http://hook.example/", "")),
            Ok(())
        );
    }
}
