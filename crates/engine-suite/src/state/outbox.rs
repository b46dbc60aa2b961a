//! Events that wait for the event log.

use std::time::Duration;

use twinhub_core::events::EventSource;
use twinhub_core::ids::{HubName, IdentityId};
use twinhub_core::messages::{Message, SystemProperty};
use twinhub_core::notifications::NewEvent;
use twinhub_core::ports::{Change, CommitError, OutboxEvent, Record, RecordKey, UnitOfWork};
use twinhub_core::twins::Twin;

use crate::Storage;
use crate::fixture::{Fixture, NOW, device, device_id, hub_name, insert_device, module_id};

fn event(body: &str) -> NewEvent {
    NewEvent {
        source: EventSource::Lifecycle,
        identity: device_id("pump-7").into(),
        generation: NOW,
        message: Message {
            body: body.as_bytes().to_vec().into(),
            ..Message::default()
        },
        at: NOW,
    }
}

fn body(event: &OutboxEvent) -> &str {
    std::str::from_utf8(&event.event.message.body).unwrap()
}

fn bodies(events: &[OutboxEvent]) -> Vec<&str> {
    events.iter().map(body).collect()
}

impl Fixture {
    async fn tell_in(&self, hub: &HubName, events: Vec<NewEvent>) {
        let work = UnitOfWork::new(hub.clone(), Vec::new()).with_events(events);
        self.store.commit(work).await.unwrap();
    }

    async fn tell(&self, texts: &[&str]) {
        let events = texts.iter().map(|text| event(text)).collect();
        self.tell_in(&self.hub, events).await;
    }

    async fn outbox_after(&self, after: u64, limit: usize) -> Vec<OutboxEvent> {
        self.store.outbox(&self.hub, after, limit).await.unwrap()
    }

    async fn waiting(&self) -> Vec<OutboxEvent> {
        self.outbox_after(0, usize::MAX).await
    }
}

/// Every source, of devices and modules, with all that a message may have.
pub async fn events_come_back_as_they_were_written(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let mut written: Vec<_> = EventSource::ALL
        .into_iter()
        .map(|source| NewEvent {
            source,
            ..event("{}")
        })
        .collect();
    written[1].identity = IdentityId::module(device_id("pump-7"), module_id("sensor"));
    written[1].generation = NOW.plus(Duration::from_nanos(100));
    written[2].at = NOW.minus(Duration::from_nanos(100));
    written[3].message = Message {
        system: SystemProperty::ALL
            .map(|property| (property, "ä \"1\"".into()))
            .into(),
        application: vec![("hall".into(), Some("7".into())), ("flag".into(), None)],
        body: vec![0, 255, b'"'].into(),
    };
    written[4].message.body = Vec::new().into();

    fixture.tell_in(&fixture.hub, written.clone()).await;
    let fixture = fixture.reopen().await;

    let found = fixture.waiting().await.into_iter();
    let found: Vec<_> = found.map(|found| found.event).collect();
    assert_eq!(found, written);
}

/// Across commits, in pages; no number is given twice.
pub async fn events_are_numbered_in_the_order_of_commits(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    fixture.tell(&["a", "b"]).await;
    fixture.tell(&["c"]).await;

    let all = fixture.waiting().await;
    assert_eq!(bodies(&all), ["a", "b", "c"]);
    assert!(all.is_sorted_by_key(|event| event.number));
    assert!(all[0].number > 0);
    assert_eq!(fixture.outbox_after(all[0].number, 1).await, all[1..2]);
    assert_eq!(fixture.outbox_after(all[2].number, 9).await, []);

    let last = all[2].number;
    fixture
        .store
        .remove_from_outbox(&fixture.hub, last)
        .await
        .unwrap();
    let fixture = fixture.reopen().await;
    fixture.tell(&["d"]).await;
    assert_eq!(bodies(&fixture.outbox_after(last, 9).await), ["d"]);
}

/// Neither without the other.
pub async fn an_event_is_there_if_its_changes_are(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let unit = || {
        UnitOfWork::new(fixture.hub.clone(), insert_device(device("pump-7")))
            .with_events(vec![event("created")])
    };

    fixture.store.commit(unit()).await.unwrap();
    let refused = fixture.store.commit(unit()).await;
    let alone = Change::Insert(Record::Twin(Twin::new(device_id("pump-8").into(), NOW)));
    let work = UnitOfWork::new(fixture.hub.clone(), vec![alone]).with_events(vec![event("lost")]);
    let refused_alone = fixture.store.commit(work).await;

    assert!(matches!(refused, Err(CommitError::Conflict(_))));
    assert!(matches!(refused_alone, Err(CommitError::Conflict(_))));
    assert_eq!(bodies(&fixture.waiting().await), ["created"]);
}

/// Those up to a number, and no others.
pub async fn events_are_removed_up_to_a_number(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    fixture.tell(&["a", "b", "c"]).await;
    let all = fixture.waiting().await;
    let store = &fixture.store;

    for _ in 0..2 {
        let through = all[1].number;
        store
            .remove_from_outbox(&fixture.hub, through)
            .await
            .unwrap();
        assert_eq!(bodies(&fixture.waiting().await), ["c"]);
    }
}

/// A page of large events has fewer of them, and never none.
pub async fn a_page_of_large_events_is_short(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let large = "x".repeat(1 << 20);
    for _ in 0..12 {
        fixture.tell(&[&large]).await;
    }

    let (mut after, mut seen) = (0, 0);
    while seen < 12 {
        let page = fixture.outbox_after(after, 12).await;
        assert!((1..12).contains(&page.len()), "{} at once", page.len());
        seen += page.len();
        after = page.last().unwrap().number;
    }
}

/// Told once the events can be read.
pub async fn whoever_waits_hears_of_commits_with_events(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let mut commits = fixture.store.outbox_commits();

    fixture.with_device("pump-7").await;
    assert!(!commits.has_changed().unwrap());
    fixture.tell(&["a"]).await;
    assert!(commits.has_changed().unwrap());

    commits.borrow_and_update();
    let store = fixture.store.clone();
    let hub = fixture.hub.clone();
    let waiting = tokio::spawn(async move {
        commits.changed().await.unwrap();
        store.outbox(&hub, 0, 9).await.unwrap().len()
    });
    fixture.tell(&["b"]).await;
    assert_eq!(waiting.await.unwrap(), 2);
}

/// Each hub has its own outbox, and takes it along.
pub async fn outboxes_of_two_hubs_are_apart(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let elsewhere = hub_name("elsewhere");
    fixture.add_hub(&elsewhere).await;
    fixture.tell(&["here"]).await;
    fixture.tell_in(&elsewhere, vec![event("there")]).await;
    let (store, hub) = (&fixture.store, &fixture.hub);

    store.remove_from_outbox(hub, u64::MAX >> 1).await.unwrap();
    assert_eq!(fixture.waiting().await, []);
    let there = store.outbox(&elsewhere, 0, 9).await.unwrap();
    assert_eq!(bodies(&there), ["there"]);

    let stored = store.hub(&elsewhere).await.unwrap().unwrap();
    let remove = vec![Change::Remove(RecordKey::Hub, stored.revision)];
    let work = UnitOfWork::new(elsewhere.clone(), remove);
    store.commit(work).await.unwrap();
    assert_eq!(store.outbox(&elsewhere, 0, 9).await.unwrap(), []);
    fixture.add_hub(&elsewhere).await;
    assert_eq!(store.outbox(&elsewhere, 0, 9).await.unwrap(), []);
}
