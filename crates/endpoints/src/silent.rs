//! Endpoints that accept a connection and say nothing, for tests: each kind
//! gives up in time, and lets go of the connection.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use twinhub_blobs::{BlobSettings, Stores};
use twinhub_core::events::{Event, EventRef, PartitionId};
use twinhub_core::ids::HubName;
use twinhub_core::messages::Message;
use twinhub_core::ports::{DeliveryFailure, FailureReason, Target};
use twinhub_core::routing::{
    AmqpKind, AmqpTarget, Endpoint, EndpointId, EndpointName, EndpointTarget, NatsTarget, Secret,
    StorageEncoding, StorageTarget, WebhookSchema, WebhookTarget,
};
use twinhub_core::time::{Clock, SystemClock};

use crate::amqp::Amqp;
use crate::limits::{ANSWER, CONNECT};
use crate::nats::Nats;
use crate::samples::event;
use crate::storage::Storage;
use crate::trust::Trust;
use crate::webhook::{Hook, Ways, Webhook};

/// Somebody who says what a test wants and nothing more.
struct Silent {
    port: u16,
    /// Ends once the other side has left.
    left: JoinHandle<()>,
}

impl Silent {
    async fn start() -> Self {
        Silent::saying(&[]).await
    }

    /// Says these, each after it has heard something.
    async fn saying(words: &'static [&'static [u8]]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let left = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            listen(stream, words).await;
        });
        Silent { port, left }
    }

    /// Delivers an event to it, and tells how that failed and after how long.
    async fn fail(&self, target: &mut dyn Target) -> (DeliveryFailure, Duration) {
        let begun = Instant::now();
        let event: Event = event(1, Message::default());
        let taken = target.take(&[EventRef::from(&event)]).await;
        let failed = match taken {
            Ok(_) => target.flush().await,
            Err(failure) => Err(failure),
        };
        (failed.unwrap_err(), begun.elapsed())
    }
}

async fn listen(mut stream: TcpStream, words: &[&[u8]]) {
    let mut words = words.iter();
    let mut heard = [0; 4096];
    while matches!(stream.read(&mut heard).await, Ok(1..)) {
        if let Some(word) = words.next() {
            stream.write_all(word).await.unwrap();
        }
    }
}

/// Asserts that it took no longer than it may, and that nobody holds on to the
/// connection.
async fn assert_gave_up(silent: Silent, (failure, took): (DeliveryFailure, Duration)) {
    assert_eq!(failure.reason, FailureReason::Timeout, "{failure}");
    assert!(took <= CONNECT + ANSWER, "{took:?}");
    // The clock of tests runs on where nothing else does.
    let left = tokio::time::timeout(Duration::from_secs(60), silent.left);
    left.await.expect("the connection is closed").unwrap();
}

fn hub() -> HubName {
    HubName::parse("plant").unwrap()
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

#[tokio::test(start_paused = true)]
async fn a_container_that_says_nothing_is_given_up() {
    let silent = Silent::start().await;
    let address = format!("http://127.0.0.1:{}/plant/events?sig=x", silent.port);
    let target = StorageTarget {
        connection: Secret::new(address),
        container: String::new(),
        file_name_format: "{iothub}/{partition}/{YYYY}/{MM}/{DD}/{HH}/{mm}".to_owned(),
        batch_frequency: Duration::from_secs(60),
        max_chunk_bytes: 10_485_760,
        encoding: StorageEncoding::Json,
    };
    let containers = Arc::new(Stores::new(BlobSettings::default()));
    let mut storage = Storage::new(containers, clock(), &hub(), &target, PartitionId(0));

    let failed = silent.fail(&mut storage).await;

    drop(storage);
    // How it names what happened is the container's.
    assert!(failed.1 <= CONNECT + ANSWER, "{:?}", failed.1);
    let left = tokio::time::timeout(Duration::from_secs(60), silent.left);
    left.await.expect("the connection is closed").unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_says_nothing_is_given_up() {
    for schema in [WebhookSchema::CloudEvents, WebhookSchema::EventGrid] {
        let silent = Silent::start().await;
        let target = WebhookTarget {
            url: Secret::new(format!("http://127.0.0.1:{}/in", silent.port)),
            schema,
            headers: Vec::new(),
        };
        let endpoint = Endpoint {
            id: EndpointId::generate(),
            name: EndpointName::parse("hook").unwrap(),
            group: None,
            target: EndpointTarget::Webhook(target.clone()),
        };
        let ways = Ways {
            clock: &clock(),
            trust: &Trust::default(),
            allows_http: false,
        };
        let hook = Hook::new((&hub(), "hub.example"), &endpoint, &target, &ways).unwrap();
        let mut webhook = Webhook::new(Arc::new(hook), PartitionId(0));

        let failed = silent.fail(&mut webhook).await;

        assert_gave_up(silent, failed).await;
    }
}

fn amqp(silent: &Silent) -> Amqp {
    let target = AmqpTarget {
        kind: AmqpKind::Queue,
        connection: Secret::new(format!("amqp://127.0.0.1:{}", silent.port)),
        address: "orders".to_owned(),
    };
    Amqp::new(&target, Trust::default(), clock())
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_says_nothing_is_given_up() {
    let silent = Silent::start().await;

    let failed = silent.fail(&mut amqp(&silent)).await;

    assert_gave_up(silent, failed).await;
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_falls_silent_after_the_login_is_given_up() {
    let silent = Silent::saying(&[
        // SASL, with the one mechanism ANONYMOUS.
        b"AMQP\x03\x01\x00\x00\
          \x00\x00\x00\x1c\x02\x01\x00\x00\x00\x53\x40\xc0\x0f\x01\xe0\x0c\x01\xa3\x09ANONYMOUS",
        // Accepted.
        b"\x00\x00\x00\x10\x02\x01\x00\x00\x00\x53\x44\xc0\x03\x01\x50\x00",
        // AMQP, and an open.
        b"AMQP\x00\x01\x00\x00",
        b"\x00\x00\x00\x11\x02\x00\x00\x00\x00\x53\x10\xc0\x04\x01\xa1\x01b",
    ])
    .await;

    let failed = silent.fail(&mut amqp(&silent)).await;

    assert_gave_up(silent, failed).await;
}

fn nats(silent: &Silent, jetstream: bool) -> Nats {
    let target = NatsTarget {
        servers: Secret::new(format!("nats://127.0.0.1:{}", silent.port)),
        subject: "plant".to_owned(),
        jetstream,
    };
    let endpoint = EndpointId::generate();
    Nats::new(&hub(), endpoint, &target, PartitionId(0), &Trust::default())
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_given_up() {
    let silent = Silent::start().await;

    let failed = silent.fail(&mut nats(&silent, false)).await;

    assert_gave_up(silent, failed).await;
}
