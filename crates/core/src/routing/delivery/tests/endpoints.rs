//! Endpoints that come, change and go.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::target::Act;
use super::*;
use crate::hubs::Hub;
use crate::ports::{Backlogs, LogError, Target, Targets};
use crate::routing::RoutingSettings;
use crate::routing::delivery::health::EndpointStatus;
use crate::routing::delivery::post::Post;

/// Backlogs of one partition each.
#[derive(Default)]
struct TestBacklogs(Mutex<HashMap<EndpointId, Arc<TestBacklog>>>);

impl TestBacklogs {
    fn of(&self, id: EndpointId) -> Arc<TestBacklog> {
        self.0.lock().unwrap().entry(id).or_default().clone()
    }
}

#[async_trait]
impl Backlogs for TestBacklogs {
    async fn open(&self, _: &HubName, id: EndpointId) -> Result<Arc<dyn Backlog>, LogError> {
        Ok(self.of(id))
    }

    async fn remove(&self, _: &HubName, id: EndpointId) -> Result<(), LogError> {
        if let Some(removed) = self.0.lock().unwrap().remove(&id) {
            removed.close();
        }
        Ok(())
    }

    async fn endpoints(&self, _: &HubName) -> Result<Vec<EndpointId>, LogError> {
        Ok(self.0.lock().unwrap().keys().copied().collect())
    }
}

/// A receiver for each way in which an endpoint is reached.
#[derive(Default)]
struct TestTargets(Mutex<Vec<(EndpointTarget, Receiver)>>);

impl TestTargets {
    fn receiver(&self, target: &EndpointTarget) -> Receiver {
        let mut receivers = self.0.lock().unwrap();
        if let Some((_, known)) = receivers.iter().find(|(known, _)| known == target) {
            return known.clone();
        }
        let receiver = Receiver::default();
        receivers.push((target.clone(), receiver.clone()));
        receiver
    }
}

impl Targets for TestTargets {
    fn check(&self, _: &EndpointTarget) -> Result<(), String> {
        Ok(())
    }

    fn open(&self, _: &Hub, endpoint: &Endpoint, _: PartitionId) -> Box<dyn Target> {
        Box::new(ScriptedTarget::to(self.receiver(&endpoint.target)))
    }
}

/// A post office with everything around it.
struct Office {
    backlogs: Arc<TestBacklogs>,
    targets: Arc<TestTargets>,
    post: Arc<Post>,
    couriers: JoinSet<()>,
    shutdown: CancellationToken,
}

impl Office {
    fn open() -> Self {
        let (backlogs, targets) = (
            Arc::new(TestBacklogs::default()),
            Arc::new(TestTargets::default()),
        );
        let post = Post::new(backlogs.clone(), targets.clone(), TokioClock::start());
        Office {
            backlogs,
            targets,
            post: Arc::new(post),
            couriers: JoinSet::new(),
            shutdown: CancellationToken::new(),
        }
    }

    async fn set(&mut self, endpoints: &[&Endpoint]) {
        let hub = hub_with(endpoints);
        self.post.follow(&hub, &mut self.couriers, &self.shutdown);
        sleep(Duration::from_millis(1)).await;
    }

    async fn close(mut self) {
        self.shutdown.cancel();
        while let Some(ended) = self.couriers.join_next().await {
            ended.unwrap();
        }
    }
}

fn hub_with(endpoints: &[&Endpoint]) -> Arc<Hub> {
    let endpoints = endpoints.iter().map(|endpoint| (*endpoint).clone());
    let routing = RoutingSettings {
        endpoints: endpoints.collect(),
        ..RoutingSettings::default()
    };
    Hub::routed(&hub(), routing)
}

fn named(name: &str) -> Endpoint {
    Endpoint {
        target: nats(name),
        ..webhook(name)
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_down_holds_back_no_other() {
    let mut office = Office::open();
    let (down, well) = (named("down"), named("well"));
    office.targets.receiver(&down.target).set_down(true);
    for endpoint in [&down, &well] {
        office.backlogs.of(endpoint.id).append(4);
    }

    office.set(&[&down, &well]).await;

    assert_eq!(office.targets.receiver(&well.target).got(), [0, 1, 2, 3]);
    let health = office.post.health(&hub_with(&[&down, &well])).await;
    let status = health.iter().map(|one| one.status).collect::<Vec<_>>();
    assert_eq!(status, [EndpointStatus::Unhealthy, EndpointStatus::Healthy]);
    office.close().await;
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_reached_in_another_way_gets_what_waited() {
    let mut office = Office::open();
    let before = named("before");
    let after = Endpoint {
        target: nats("after"),
        ..before.clone()
    };
    office.targets.receiver(&before.target).set_down(true);
    office.backlogs.of(before.id).append(3);
    office.set(&[&before]).await;
    sleep(Duration::from_secs(7_200)).await;

    office.set(&[&after]).await;

    assert_eq!(office.targets.receiver(&after.target).got(), [0, 1, 2]);
    let health = office.post.health(&hub_with(&[&after])).await;
    assert_eq!(health[0].status, EndpointStatus::Healthy);
    office.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_change_waits_for_the_delivery_that_is_under_way() {
    let mut office = Office::open();
    let before = named("before");
    let after = Endpoint {
        target: nats("after"),
        ..before.clone()
    };
    let slow = Act::Slowly(Duration::from_secs(2));
    office.targets.receiver(&before.target).will([slow]);
    office.backlogs.of(before.id).append(3);
    office.set(&[&before]).await;

    office.set(&[&after]).await;
    let too_soon = office.targets.receiver(&after.target).got();
    office.backlogs.of(before.id).append(1);
    sleep(Duration::from_secs(3)).await;

    assert_eq!(too_soon, Vec::<u64>::new());
    assert_eq!(office.targets.receiver(&before.target).got(), [0, 1, 2]);
    assert_eq!(office.targets.receiver(&after.target).got(), [3]);
    office.close().await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_goes_with_its_endpoint_and_with_no_other() {
    let mut office = Office::open();
    let (gone, stays) = (named("gone"), named("stays"));
    office.targets.receiver(&gone.target).set_down(true);
    office.backlogs.of(gone.id).append(3);
    office.set(&[&gone, &stays]).await;

    office.set(&[&stays]).await;
    let attempts = office.targets.receiver(&gone.target).attempts();
    sleep(Duration::from_secs(600)).await;

    assert_eq!(office.backlogs.endpoints(&hub()).await.unwrap(), [stays.id]);
    assert_eq!(office.targets.receiver(&gone.target).attempts(), attempts);
    office.backlogs.of(stays.id).append(1);
    sleep(Duration::from_millis(1)).await;
    assert_eq!(office.targets.receiver(&stays.target).got(), [0]);
    office.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_change_of_something_else_disturbs_nobody() {
    let mut office = Office::open();
    let (old, new) = (named("old"), named("new"));
    let slow = Act::Slowly(Duration::from_secs(30));
    office.targets.receiver(&old.target).will([slow]);
    office.backlogs.of(old.id).append(2);
    office.set(&[&old]).await;

    office.set(&[&old, &new]).await;
    sleep(Duration::from_secs(31)).await;

    assert_eq!(office.targets.receiver(&old.target).attempts(), 1);
    assert_eq!(office.targets.receiver(&old.target).got(), [0, 1]);
    office.close().await;
}

#[tokio::test(start_paused = true)]
async fn orphans_are_removed() {
    let office = Office::open();
    let known = named("known");
    let orphan = EndpointId::generate();
    for id in [known.id, orphan] {
        office.backlogs.of(id);
    }

    let there = office.backlogs.endpoints(&hub()).await.unwrap();
    office.post.remove_others(&hub_with(&[&known]), there).await;

    assert_eq!(office.backlogs.endpoints(&hub()).await.unwrap(), [known.id]);
}

#[tokio::test(start_paused = true)]
async fn progress_is_saved_every_second_and_when_the_hub_stops() {
    let mut office = Office::open();
    let endpoint = named("hook");
    let backlog = office.backlogs.of(endpoint.id);
    backlog.append(2);
    office.set(&[&endpoint]).await;

    sleep(Duration::from_secs(2)).await;
    let meanwhile = backlog.saved().next;
    backlog.append(1);
    sleep(Duration::from_millis(1)).await;
    office.close().await;

    assert_eq!(meanwhile, 2);
    assert_eq!(backlog.saved().next, 3);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_was_set_just_now_is_unknown() {
    let office = Office::open();

    let health = office.post.health(&hub_with(&[&named("new")])).await;

    assert_eq!(health[0].status, EndpointStatus::Unknown);
    assert_eq!(health[0].name.as_str(), "new");
}
