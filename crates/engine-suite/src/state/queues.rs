//! Queues, and the messages in them.

use std::time::Duration;

use twinhub_core::c2d::{Acknowledgement, Entry, Lock, LockToken, Queue, QueueRecord};
use twinhub_core::ids::IdentityId;
use twinhub_core::messages::{Message, SystemProperty};
use twinhub_core::ports::{Change, OwnedQueue, Record, RecordKey, Revision, Stored, UnitOfWork};
use twinhub_core::time::Timestamp;

use crate::Storage;
use crate::fixture::{Fixture, NOW, device_id, hub_name, insert_device, module_id};

fn entry(sequence_number: u64, expires: Timestamp) -> Entry {
    Entry {
        sequence_number,
        enqueued: NOW,
        expires,
        delivery_count: 0,
        delivered: false,
        ack: Acknowledgement::None,
        message_id: None,
        lock: None,
        handle: None,
    }
}

/// A queue of messages that expire so many seconds from now.
fn expiring(seconds: &[u64]) -> Queue {
    let expires = |seconds: &u64| NOW.plus(Duration::from_secs(*seconds));
    let entries = (1..).zip(seconds);
    Queue {
        last_sequence_number: seconds.len() as u64,
        entries: entries
            .map(|(number, seconds)| entry(number, expires(seconds)))
            .collect(),
    }
}

fn record(identity: &IdentityId, queue: Queue) -> Record {
    Record::Queue(QueueRecord {
        identity: identity.clone(),
        queue,
    })
}

fn insert(identity: &IdentityId, queue: Queue) -> Change {
    Change::Insert(record(identity, queue))
}

fn message(body: &[u8]) -> Message {
    Message {
        body: body.to_vec().into(),
        ..Message::default()
    }
}

impl Fixture {
    async fn owned_queue(&self, id: &IdentityId) -> Option<OwnedQueue> {
        self.store.queue(&self.hub, id).await.unwrap()
    }

    pub(crate) async fn queue(&self, id: &IdentityId) -> Option<Stored<Queue>> {
        self.owned_queue(id).await.unwrap().queue
    }

    async fn queue_revision(&self, id: &IdentityId) -> Revision {
        self.queue(id).await.unwrap().revision
    }

    async fn message(&self, id: &IdentityId, number: u64) -> Option<Message> {
        self.store.message(&self.hub, id, number).await.unwrap()
    }

    /// Whose queues are due, in order, and after how many seconds.
    async fn due(&self, limit: usize) -> Vec<(String, u64)> {
        let due = self.store.due_queues(limit).await.unwrap().into_iter();
        due.map(|queue| (queue.identity.to_string(), queue.due.since(NOW).as_secs()))
            .collect()
    }
}

/// With every field at its extremes; at the generation of its owner.
pub async fn a_queue_comes_back_as_it_was_written(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let pump = fixture.with_device("pump-7").await;
    let acks = [
        Acknowledgement::None,
        Acknowledgement::Positive,
        Acknowledgement::Negative,
        Acknowledgement::Full,
    ];
    let mut entries: Vec<_> = (1..)
        .zip(acks)
        .map(|(number, ack)| Entry {
            ack,
            ..entry(number, NOW)
        })
        .collect();
    entries.push(Entry {
        sequence_number: u64::MAX,
        delivery_count: u32::MAX,
        delivered: true,
        message_id: Some("çà et là \0".repeat(500).into()),
        lock: Some(Lock {
            token: LockToken::random(),
            until: NOW,
        }),
        handle: Some(u32::MAX),
        ..entry(9, NOW)
    });
    let queue = Queue {
        last_sequence_number: u64::MAX,
        entries,
    };

    assert_eq!(fixture.queue(&pump).await, None);
    fixture.commit(vec![insert(&pump, queue.clone())]).await;

    let found = fixture.owned_queue(&pump).await.unwrap();
    assert_eq!(found.generation, NOW);
    assert_eq!(found.queue.unwrap().value, queue);
    let nobody = IdentityId::from(device_id("nobody"));
    assert_eq!(fixture.owned_queue(&nobody).await, None);
}

/// Absent at first, then at its revision; only with its owner.
pub async fn a_queue_is_written_at_its_revision(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let pump = fixture.with_device("pump-7").await;
    let key = RecordKey::Queue(pump.clone());
    fixture.commit(vec![insert(&pump, expiring(&[1]))]).await;
    let first = fixture.queue_revision(&pump).await;

    let twice = vec![insert(&pump, expiring(&[1]))];
    assert_eq!(fixture.conflict(twice).await, key);
    let next = Change::Replace(record(&pump, expiring(&[1, 2])), first);
    fixture.commit(vec![next.clone()]).await;
    assert_eq!(fixture.conflict(vec![next]).await, key);
    let stale = [
        Change::Fence(key.clone(), first),
        Change::Remove(key.clone(), first),
    ];
    for stale in stale {
        assert_eq!(fixture.conflict(vec![stale]).await, key);
    }

    let second = fixture.queue_revision(&pump).await;
    fixture
        .commit(vec![Change::Fence(key.clone(), second)])
        .await;
    let third = fixture.queue(&pump).await.unwrap();
    assert_ne!(third.revision, second);
    assert_eq!(third.value, expiring(&[1, 2]));
    fixture
        .commit(vec![Change::Remove(key.clone(), third.revision)])
        .await;
    assert_eq!(fixture.queue(&pump).await, None);

    let nobody = IdentityId::from(device_id("nobody"));
    let over = fixture
        .conflict(vec![insert(&nobody, Queue::default())])
        .await;
    assert_eq!(over, RecordKey::Identity(nobody.clone()));
    let replace = Change::Replace(record(&nobody, Queue::default()), third.revision);
    assert_eq!(
        fixture.conflict(vec![replace]).await,
        RecordKey::Queue(nobody)
    );
}

/// Properties in their order, and any bytes.
pub async fn a_message_comes_back_as_it_was_written(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let pump = fixture.with_device("pump-7").await;
    let all = SystemProperty::ALL.into_iter();
    let written = Message {
        system: all
            .map(|property| (property, format!("{} =&%", property.name()).into()))
            .collect(),
        application: vec![
            ("z".into(), Some("1".into())),
            ("a".into(), None),
            ("".into(), Some("".into())),
            ("z".into(), Some("\u{1f600}".into())),
        ],
        body: (0..=255).cycle().take(60_000).collect::<Vec<u8>>().into(),
    };
    let changes = vec![
        insert(&pump, expiring(&[1, 1])),
        Change::PutMessage(pump.clone(), 1, written.clone()),
        Change::PutMessage(pump.clone(), 2, Message::default()),
    ];

    fixture.commit(changes).await;

    assert_eq!(fixture.message(&pump, 1).await, Some(written));
    assert_eq!(fixture.message(&pump, 2).await, Some(Message::default()));
    assert_eq!(fixture.message(&pump, 3).await, None);
    fixture
        .commit(vec![Change::RemoveMessage(pump.clone(), 1)])
        .await;
    assert_eq!(fixture.message(&pump, 1).await, None);
    assert!(fixture.message(&pump, 2).await.is_some());
}

/// Without its queue, or at a number that is taken, it conflicts; removing
/// what is not there does not.
pub async fn a_message_needs_its_queue_and_a_number_of_its_own(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let pump = fixture.with_device("pump-7").await;
    let nobody = IdentityId::from(device_id("nobody"));
    let put = |id: &IdentityId| Change::PutMessage(id.clone(), 1, message(b"stop"));
    let key = RecordKey::Queue(pump.clone());

    assert_eq!(fixture.conflict(vec![put(&pump)]).await, key);
    let over = fixture.conflict(vec![put(&nobody)]).await;
    assert_eq!(over, RecordKey::Identity(nobody.clone()));
    fixture
        .commit(vec![insert(&pump, expiring(&[1])), put(&pump)])
        .await;
    assert_eq!(fixture.conflict(vec![put(&pump)]).await, key);

    for id in [pump, nobody] {
        fixture.commit(vec![Change::RemoveMessage(id, 7)]).await;
    }
}

/// In every read of an identity.
pub async fn identities_tell_how_many_messages_wait(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let pump = fixture.with_device("pump-7").await;
    let sensor = fixture.with_module("pump-7", "sensor").await;
    let changes = vec![
        insert(&pump, expiring(&[1, 2, 3])),
        insert(&sensor, expiring(&[1])),
    ];

    fixture.commit(changes).await;

    let (store, hub) = (&fixture.store, &fixture.hub);
    let device = device_id("pump-7");
    let page = store.devices(hub, None, 10).await.unwrap();
    assert_eq!(page[0].queued_messages, 3);
    let found = store.device(hub, &device).await.unwrap().unwrap();
    assert_eq!(found.queued_messages, 3);
    let (_, module) = store
        .module(hub, &device, &module_id("sensor"))
        .await
        .unwrap();
    assert_eq!(module.unwrap().queued_messages, 1);
    let (owner, modules) = store
        .device_with_modules(hub, &device)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(owner.queued_messages, 3);
    assert_eq!(modules[0].queued_messages, 1);
    let (owner, _) = store.twin(hub, &sensor).await.unwrap().unwrap();
    assert_eq!(owner.queued_messages, 1);
}

/// Over all hubs, the nearest first; empty queues are never due.
pub async fn the_queues_that_are_due_first_are_found(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let pump = fixture.with_device("pump-7").await;
    let sensor = fixture.with_module("pump-7", "sensor").await;
    let empty = fixture.with_device("empty").await;
    let changes = vec![
        insert(&pump, expiring(&[40, 20])),
        insert(&sensor, expiring(&[30])),
        insert(&empty, expiring(&[])),
    ];
    fixture.commit(changes).await;
    let elsewhere = hub_name("elsewhere");
    fixture.add_hub(&elsewhere).await;
    let mut changes = insert_device(crate::fixture::device("pump-7"));
    changes.push(insert(&pump, expiring(&[10])));
    let work = UnitOfWork::new(elsewhere.clone(), changes);
    fixture.store.commit(work).await.unwrap();

    let named = |name: &str, due| (name.to_owned(), due);
    assert_eq!(
        fixture.due(10).await,
        [
            named("pump-7", 10),
            named("pump-7", 20),
            named("pump-7/sensor", 30)
        ]
    );
    assert_eq!(fixture.due(1).await, [named("pump-7", 10)]);
    assert_eq!(fixture.store.due_queues(1).await.unwrap()[0].hub, elsewhere);

    let revision = fixture.queue_revision(&pump).await;
    fixture
        .commit(vec![Change::Replace(
            record(&pump, expiring(&[])),
            revision,
        )])
        .await;
    assert_eq!(
        fixture.due(10).await,
        [named("pump-7", 10), named("pump-7/sensor", 30)]
    );
}

/// With its messages; a namesake's is empty, and stale revisions don't count.
pub async fn a_queue_goes_with_its_identity(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let pump = fixture.with_device("pump-7").await;
    let changes = vec![
        insert(&pump, expiring(&[1])),
        Change::PutMessage(pump.clone(), 1, message(b"stop")),
    ];
    fixture.commit(changes).await;
    let stale = fixture.queue_revision(&pump).await;

    fixture.remove(&pump).await;
    assert_eq!(fixture.owned_queue(&pump).await, None);
    assert_eq!(fixture.due(10).await, []);
    fixture.with_device("pump-7").await;

    assert_eq!(fixture.queue(&pump).await, None);
    assert_eq!(fixture.message(&pump, 1).await, None);
    let replace = Change::Replace(record(&pump, expiring(&[1])), stale);
    let over = fixture.conflict(vec![replace]).await;
    assert_eq!(over, RecordKey::Queue(pump.clone()));
    fixture.commit(vec![insert(&pump, expiring(&[]))]).await;
}

/// Devices of the same name in two hubs share nothing.
pub async fn queues_of_two_hubs_are_apart(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let pump = fixture.with_device("pump-7").await;
    let elsewhere = hub_name("elsewhere");
    fixture.add_hub(&elsewhere).await;
    let mut changes = insert_device(crate::fixture::device("pump-7"));
    changes.push(insert(&pump, expiring(&[1])));
    changes.push(Change::PutMessage(pump.clone(), 1, message(b"stop")));
    let work = UnitOfWork::new(elsewhere.clone(), changes);

    fixture.store.commit(work).await.unwrap();

    assert_eq!(fixture.queue(&pump).await, None);
    assert_eq!(fixture.message(&pump, 1).await, None);
    let there = fixture.store.message(&elsewhere, &pump, 1).await.unwrap();
    assert_eq!(there, Some(message(b"stop")));
}

/// Queues, messages, and when they are due.
pub async fn queues_are_there_after_reopening(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let pump = fixture.with_device("pump-7").await;
    let changes = vec![
        insert(&pump, expiring(&[5])),
        Change::PutMessage(pump.clone(), 1, message(b"stop")),
    ];
    fixture.commit(changes).await;
    let before = fixture.queue(&pump).await;

    let fixture = fixture.reopen().await;

    assert_eq!(fixture.queue(&pump).await, before);
    assert_eq!(fixture.message(&pump, 1).await, Some(message(b"stop")));
    assert_eq!(fixture.due(10).await, [("pump-7".to_owned(), 5)]);
}
