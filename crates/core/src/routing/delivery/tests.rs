mod backlog;
mod delivering;
mod endpoints;
mod model;
mod target;

use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::ledger::Ledger;
use super::worker::Worker;
use crate::events::PartitionId;
use crate::ids::HubName;
use crate::ports::Backlog;
use crate::routing::{
    Endpoint, EndpointId, EndpointName, EndpointTarget, NatsTarget, Secret, WebhookSchema,
    WebhookTarget,
};
use crate::time::{Clock, Timestamp};
use crate::traffic::Traffic;

use self::backlog::TestBacklog;
use self::target::{Receiver, ScriptedTarget};

const P0: PartitionId = PartitionId(0);

/// Tokio's clock, which tests pause, as the machine's.
struct TokioClock(tokio::time::Instant);

impl TokioClock {
    fn start() -> Arc<dyn Clock> {
        Arc::new(TokioClock(tokio::time::Instant::now()))
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(1_700_000_000).plus(self.0.elapsed())
    }
}

fn hub() -> HubName {
    HubName::parse("plant").unwrap()
}

fn webhook(name: &str) -> Endpoint {
    Endpoint {
        id: EndpointId::generate(),
        name: EndpointName::parse(name).unwrap(),
        group: None,
        target: EndpointTarget::Webhook(WebhookTarget {
            url: Secret::new("https://hooks.example/".to_owned()),
            schema: WebhookSchema::CloudEvents,
            headers: Vec::new(),
        }),
    }
}

fn nats(name: &str) -> EndpointTarget {
    EndpointTarget::Nats(NatsTarget {
        servers: Secret::new("nats://localhost".to_owned()),
        subject: name.to_owned(),
        jetstream: false,
    })
}

/// A worker at work.
struct Running {
    ledger: Arc<Ledger>,
    traffic: Arc<Traffic>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    /// Delivers a backlog from where its progress is saved.
    async fn over(backlog: &Arc<TestBacklog>, receiver: &Receiver) -> Self {
        let traffic: Arc<Traffic> = Arc::default();
        let ledger = Ledger::new(hub(), traffic.clone(), webhook("hook"), TokioClock::start());
        let ledger = Arc::new(ledger);
        let progress = backlog.progress().await.unwrap();
        ledger.begin(backlog.clone(), &progress);
        let stop = CancellationToken::new();
        let target = ScriptedTarget::to(receiver.clone());
        let worker = Worker::new(
            (hub(), P0),
            progress[0].next,
            backlog.log(),
            Box::new(target),
            ledger.clone(),
            stop.clone(),
        );
        Running {
            ledger,
            traffic,
            stop,
            task: tokio::spawn(worker.run()),
        }
    }

    /// Stops in order; progress is saved.
    async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
        self.ledger.save().await.unwrap();
    }
}
