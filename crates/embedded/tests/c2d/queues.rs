//! What a queue promises beyond the model: who may, who is told, and many at
//! once.

use std::collections::HashSet;
use std::sync::Arc;

use twinhub_core::c2d::{
    Acknowledgement, CloudToDeviceSettings, DEFAULT_LOCK, Holder, LockToken, PurgeError,
    ReceiveError, SendError, SettleError, Settlement,
};
use twinhub_core::identities::Status;
use twinhub_core::ids::{DeviceId, IdentityId, ModuleId};
use twinhub_core::ports::{Interests, Notice};

use crate::plant::{HandClock, Plant, message};

async fn plant() -> Plant {
    Plant::new(
        Arc::new(HandClock::default()),
        CloudToDeviceSettings::default(),
    )
    .await
}

fn plain(id: &str) -> twinhub_core::c2d::NewMessage {
    message(id, Acknowledgement::None)
}

#[tokio::test]
async fn the_missing_are_told_apart() {
    let plant = plant().await;
    plant.with_device("pump-7").await;
    let permit = plant.service().await;
    let nobody = IdentityId::from(DeviceId::parse("nobody").unwrap());
    let module = |device: &str| {
        let device = DeviceId::parse(device).unwrap();
        IdentityId::module(device, ModuleId::parse("gone").unwrap())
    };

    for missing in [&nobody, &module("nobody")] {
        let sent = plant.c2d.send(&permit, missing, plain("m")).await;
        assert!(matches!(sent, Err(SendError::NoSuchDevice(_))), "{sent:?}");
        let purged = plant.c2d.purge(&permit, missing).await;
        assert!(matches!(purged, Err(PurgeError::NoSuchDevice(_))));
    }
    let sent = plant.c2d.send(&permit, &module("pump-7"), plain("m")).await;
    assert!(matches!(sent, Err(SendError::NoSuchModule(_))), "{sent:?}");
    let purged = plant.c2d.purge(&permit, &module("pump-7")).await;
    assert!(matches!(purged, Err(PurgeError::NoSuchModule(_))));
}

#[tokio::test]
async fn a_disabled_device_is_sent_to_and_receives_when_enabled() {
    let plant = plant().await;
    let pump = plant.put_device("pump-7", Status::Disabled).await;

    plant.send(&pump, plain("m-1")).await;
    let receiver = plant.with_device("pump-7").await;

    assert_eq!(receiver.receive().await.unwrap().message.body, "m-1");
}

#[tokio::test]
async fn a_device_and_its_modules_have_queues_of_their_own() {
    let plant = plant().await;
    let pump = plant.with_device("pump-7").await;
    let sensor = plant.with_module("pump-7", "sensor").await;

    plant.send(sensor.id(), plain("to-sensor")).await;

    assert_eq!(pump.receive().await, None);
    let delivery = sensor.receive().await.unwrap();
    assert_eq!(delivery.sequence_number, 1);
    let foreign = plant.c2d.complete(&pump.permit, &delivery.lock).await;
    assert!(matches!(foreign, Err(SettleError::LockLost)));
    sensor.complete(&delivery).await;
}

#[tokio::test]
async fn a_message_arrives_as_it_was_sent() {
    let plant = plant().await;
    let pump = plant.with_device("pump-7").await;
    let sent = message("m-1", Acknowledgement::Full);

    plant.send(pump.id(), sent.clone()).await;
    assert_eq!(plant.shown_count(pump.id()).await, 1);
    let delivery = pump.receive().await.unwrap();

    assert_eq!(delivery.message, sent.message);
    assert_eq!(delivery.ack, sent.ack);
    assert!(!delivery.redelivered);
    assert_eq!(plant.shown_count(pump.id()).await, 1);
    pump.complete(&delivery).await;
    assert_eq!(plant.shown_count(pump.id()).await, 0);
}

#[tokio::test]
async fn what_belongs_to_a_removed_namesake_is_out_of_reach() {
    let clock = Arc::new(HandClock::default());
    let plant = Plant::new(clock.clone(), CloudToDeviceSettings::default()).await;
    let old = plant.with_device("pump-7").await;
    plant.send(old.id(), plain("to-old")).await;
    let delivery = old.receive().await.unwrap();

    plant.delete_device("pump-7").await;
    clock.advance(std::time::Duration::from_secs(1));
    let new = plant.with_device("pump-7").await;
    plant.send(new.id(), plain("to-new")).await;

    let received = plant
        .c2d
        .receive(&old.permit, Holder::Request, std::time::Duration::ZERO)
        .await;
    assert!(matches!(received, Err(ReceiveError::NotRegistered(_))));
    let settled = plant.c2d.complete(&old.permit, &delivery.lock).await;
    assert!(matches!(settled, Err(SettleError::NotRegistered(_))));
    assert_eq!(new.receive().await.unwrap().message.body, "to-new");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_receivers_never_hold_the_same_message() {
    let plant = Arc::new(plant().await);
    let pump = plant.with_device("pump-7").await;
    let sender = tokio::spawn({
        let (plant, pump) = (plant.clone(), pump.clone());
        async move {
            for number in 0..40 {
                plant.send(pump.id(), plain(&number.to_string())).await;
            }
        }
    });

    let mut receivers = Vec::new();
    for _ in 0..4 {
        let pump = pump.clone();
        receivers.push(tokio::spawn(async move {
            let mut received = Vec::new();
            while received.len() < 10 {
                let Some(delivery) = pump.receive().await else {
                    tokio::task::yield_now().await;
                    continue;
                };
                if delivery.sequence_number % 2 == 0 {
                    pump.complete(&delivery).await;
                }
                received.push((delivery.sequence_number, delivery.lock));
            }
            received
        }));
    }
    sender.await.unwrap();
    let mut received = Vec::new();
    for receiver in receivers {
        received.extend(receiver.await.unwrap());
    }

    let numbers: HashSet<_> = received.iter().map(|(number, _)| *number).collect();
    let tokens: HashSet<_> = received.iter().map(|(_, token)| *token).collect();
    assert_eq!((numbers.len(), tokens.len()), (40, 40));
    assert_eq!(plant.shown_count(pump.id()).await, 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn senders_at_once_fill_the_queue_and_no_more() {
    let plant = Arc::new(plant().await);
    let pump = plant.with_device("pump-7").await;
    let permit = plant.service().await;

    let mut senders = Vec::new();
    for _ in 0..60 {
        let (c2d, permit, id) = (plant.c2d.clone(), permit.clone(), pump.id().clone());
        senders.push(tokio::spawn(async move {
            c2d.send(&permit, &id, plain("m")).await
        }));
    }
    let mut numbers = HashSet::new();
    let mut refused = 0;
    for sender in senders {
        match sender.await.unwrap() {
            Ok(number) => assert!(numbers.insert(number)),
            Err(SendError::QueueFull(_)) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }

    assert_eq!((numbers.len(), refused), (50, 10));
}

#[tokio::test]
async fn a_session_that_listens_is_told_once_however_many_come() {
    let plant = plant().await;
    let pump = plant.with_device("pump-7").await;
    let mut connected = plant.enter(&pump);
    connected.mailbox.listens_to(Interests {
        messages: true,
        ..Interests::default()
    });
    // At once, for what may be there already.
    assert_eq!(connected.mailbox.next().await, Ok(Notice::MessagesWaiting));

    for _ in 0..3 {
        plant.send(pump.id(), plain("m")).await;
    }

    assert_eq!(connected.mailbox.next().await, Ok(Notice::MessagesWaiting));
    let more = tokio::time::timeout(std::time::Duration::ZERO, connected.mailbox.next());
    assert!(more.await.is_err());
    for _ in 0..3 {
        let delivery = pump
            .receive_as(Holder::Session { handle: 1 })
            .await
            .unwrap();
        pump.complete(&delivery).await;
    }
    assert_eq!(pump.receive().await, None);
}

#[tokio::test]
async fn several_are_received_and_settled_at_once_in_their_order() {
    let plant = plant().await;
    let pump = plant.with_device("pump-7").await;
    for id in ["a", "b", "c", "d"] {
        plant
            .send(pump.id(), message(id, Acknowledgement::None))
            .await;
    }
    let holders = [1, 2, 3].map(|handle| Holder::Session { handle });

    let received = pump
        .c2d
        .receive_several(&pump.permit, &holders, DEFAULT_LOCK)
        .await
        .unwrap();

    let bodies: Vec<_> = received
        .iter()
        .map(|found| &found.message.body[..])
        .collect();
    assert_eq!(bodies, [b"a", b"b", b"c"]);
    let handles: Vec<_> = received.iter().map(|found| found.handle).collect();
    assert_eq!(handles, [Some(1), Some(2), Some(3)]);

    let unknown = LockToken::random();
    let lost = pump
        .c2d
        .settle_several(
            &pump.permit,
            &[
                (received[0].lock, Settlement::Complete),
                (unknown, Settlement::Complete),
                (received[1].lock, Settlement::Abandon),
                (received[2].lock, Settlement::Reject),
            ],
        )
        .await
        .unwrap();

    assert_eq!(lost, [unknown]);
    let rest = [
        pump.receive().await,
        pump.receive().await,
        pump.receive().await,
    ];
    let rest: Vec<_> = rest
        .iter()
        .flatten()
        .map(|found| &found.message.body[..])
        .collect();
    assert_eq!(rest, [b"b", b"d"]);
}
