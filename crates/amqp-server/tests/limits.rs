//! What a connection may do and for how long, and how it ends.

#![allow(clippy::unwrap_used)]

mod support;

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use support::{HOST, HOUR, Plant};
use tokio::time::{Instant, timeout};
use twinhub_amqp_engine::performatives::{Performative, Role};
use twinhub_amqp_server::{Gone, Settings};

/// Lets the hub do what it can.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
}

#[tokio::test]
async fn a_stranger_without_a_token_is_closed_after_twenty_seconds() {
    let plant = Plant::new().await;
    let mut talker = plant.stranger().await;
    tokio::time::pause();
    let start = Instant::now();

    let error = talker.closed().await.unwrap();

    assert_eq!(error.condition, "amqp:unauthorized-access");
    let seconds = start.elapsed().as_secs_f64();
    assert!((19.0..22.0).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn a_stranger_who_says_nothing_is_dropped_after_twenty_seconds() {
    let plant = Plant::new().await;
    let mut talker = plant.connect();
    tokio::time::pause();

    let start = Instant::now();
    assert!(talker.frame().await.is_none());

    let seconds = start.elapsed().as_secs_f64();
    assert!((19.0..22.0).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn a_connection_whose_last_token_ends_is_closed_a_while_later() {
    let plant = Plant::new().await;
    let mut talker = plant.stranger().await;
    let token = plant.policy_token("service", HOST, 50);
    assert_eq!(talker.put_token(&token).await, 200);
    tokio::time::pause();
    let start = Instant::now();

    let error = talker.closed().await.unwrap();

    assert_eq!(error.condition, "amqp:unauthorized-access");
    let seconds = start.elapsed().as_secs_f64();
    assert!((68.0..75.0).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn a_connection_whose_last_token_has_ended_is_closed_by_clocks_that_go() {
    let plant = Plant::with(Settings {
        stranger_deadline: Duration::from_millis(200),
        ..Settings::default()
    })
    .await;
    let mut talker = plant.stranger().await;
    let token = plant.policy_token("service", HOST, 1);
    assert_eq!(talker.put_token(&token).await, 200);

    let closed = timeout(Duration::from_secs(5), talker.closed()).await;

    let error = closed.expect("it is closed").unwrap();
    assert_eq!(error.condition, "amqp:unauthorized-access");
    assert!(error.description.unwrap().contains("expired"));
}

#[tokio::test]
async fn a_connection_by_plain_is_closed_as_soon_as_its_token_ends() {
    let plant = Plant::new().await;
    let mut talker = plant.connect();
    let token = plant.policy_token("service", HOST, 2);
    let response = format!("\0service@sas.root.plant\0{token}");
    talker.sasl("PLAIN", response.as_bytes()).await;
    talker.open(HOST).await;

    let closed = timeout(Duration::from_secs(5), talker.closed()).await;

    let error = closed.expect("it is closed").unwrap();
    assert_eq!(error.condition, "amqp:unauthorized-access");
    assert!(error.description.unwrap().contains("expired"));
}

#[tokio::test]
async fn a_link_stops_sending_to_a_peer_that_does_not_read() {
    let plant = Plant::new().await;
    let (mut talker, _) = plant.connect_by(None, 1024);
    talker.open(HOST).await;
    let token = plant.policy_token("service", HOST, HOUR);
    assert_eq!(talker.put_token(&token).await, 200);
    talker
        .attach(0, Role::Receiver, "devices/pump/out")
        .await
        .unwrap();
    talker.credit(0, 5000).await;
    settle().await;

    let sent = plant.rooms.sent.load(Ordering::Relaxed);

    assert!((200..300).contains(&sent), "{sent} kilobytes wait");
    for expected in 0..5000_u64 {
        let told = talker
            .until(|told| matches!(told, Performative::Transfer(_)))
            .await;
        let Performative::Transfer(transfer) = told else {
            unreachable!("it was looked at");
        };
        assert_eq!(transfer.payload[..8], expected.to_be_bytes());
    }
}

#[tokio::test]
async fn links_that_wait_for_the_writer_all_get_their_turn() {
    let plant = Plant::new().await;
    let (mut talker, _) = plant.connect_by(None, 1024);
    talker.open(HOST).await;
    let token = plant.policy_token("service", HOST, HOUR);
    assert_eq!(talker.put_token(&token).await, 200);
    for handle in 0..3 {
        talker
            .attach(handle, Role::Receiver, "devices/pump/out")
            .await
            .unwrap();
    }
    for handle in 0..3 {
        talker.credit(handle, 2000).await;
    }

    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..1500 {
        let told = talker
            .until(|told| matches!(told, Performative::Transfer(_)))
            .await;
        if let Performative::Transfer(transfer) = told {
            seen.insert(transfer.handle);
        }
    }

    assert_eq!(seen.len(), 3);
}

#[tokio::test]
async fn a_peer_whose_messages_nobody_takes_is_left_unread() {
    let plant = Plant::new().await;
    let (mut talker, _) = plant.connect_by(None, 1024);
    talker.open(HOST).await;
    let token = plant.policy_token("service", HOST, HOUR);
    assert_eq!(talker.put_token(&token).await, 200);
    talker.attach(0, Role::Sender, "lazy").await.unwrap();
    let payload = Bytes::from(vec![7; 10_000]);

    let mut posted = 0;
    while timeout(
        Duration::from_millis(300),
        talker.post(0, 0, payload.clone()),
    )
    .await
    .is_ok()
    {
        posted += 1;
        assert!(posted < 1000, "the hub takes everything");
    }

    assert!((100..200).contains(&posted), "{posted}");
    plant.rooms.door.notify_one();
    settle().await;
    // What was cut off above makes one message less.
    assert!(plant.rooms.taken.load(Ordering::Relaxed) >= posted);
}

#[tokio::test]
async fn a_peer_that_asks_and_does_not_read_is_left_unread() {
    let plant = Plant::with(Settings {
        max_unwritten: 10_000,
        ..Settings::default()
    })
    .await;
    let (mut talker, _) = plant.connect_by(None, 1024);
    talker.open(HOST).await;

    let mut asked = 0;
    while timeout(Duration::from_millis(300), talker.echo())
        .await
        .is_ok()
    {
        asked += 1;
        assert!(asked < 100_000, "the hub keeps every answer");
    }

    // What it left unread is read once its answers are.
    for _ in 0..asked {
        talker
            .until(|told| matches!(told, Performative::Flow(_)))
            .await;
    }
}

#[tokio::test]
async fn a_peer_that_never_reads_is_dropped() {
    let plant = Plant::with(Settings {
        write_deadline: Duration::from_secs(5),
        ..Settings::default()
    })
    .await;
    let (mut talker, serving) = plant.connect_by(None, 1024);
    talker.open(HOST).await;
    let token = plant.policy_token("service", HOST, HOUR);
    assert_eq!(talker.put_token(&token).await, 200);
    talker
        .attach(0, Role::Receiver, "devices/pump/out")
        .await
        .unwrap();
    talker.credit(0, 5000).await;
    tokio::time::pause();

    let ended = timeout(Duration::from_secs(20), serving).await;

    ended.unwrap().unwrap();
}

#[tokio::test]
async fn shutdown_says_goodbye_and_does_not_wait_for_stubborn_links() {
    let plant = Plant::new().await;
    let mut talker = plant.connected("iothubowner").await;
    plant.device_token("pump", HOUR).await;
    talker
        .attach(0, Role::Sender, "devices/pump/in")
        .await
        .unwrap();
    talker.attach(1, Role::Sender, "stubborn").await.unwrap();
    let start = Instant::now();

    plant.shutdown.cancel();

    for _ in 0..2 {
        let error = talker.detached().await.unwrap();
        assert_eq!(error.condition, "amqp:link:detach-forced");
    }
    let error = talker.closed().await.unwrap();
    assert_eq!(error.condition, "amqp:connection:forced");
    assert!(start.elapsed() < Duration::from_secs(1));
    settle().await;
    assert_eq!(*plant.rooms.gone.lock().unwrap(), [Some(Gone::ByHub)]);
}

#[tokio::test]
async fn shutdown_ends_connections_that_have_said_nothing() {
    let plant = Plant::new().await;
    let (mut talker, serving) = plant.connect_by(None, 1024);
    settle().await;

    plant.shutdown.cancel();

    assert!(talker.frame().await.is_none());
    serving.await.unwrap();
}

#[tokio::test]
async fn links_learn_that_the_peer_has_vanished() {
    let plant = Plant::new().await;
    let mut talker = plant.connected("iothubowner").await;
    plant.device_token("pump", HOUR).await;
    talker
        .attach(0, Role::Sender, "devices/pump/in")
        .await
        .unwrap();

    drop(talker);
    settle().await;

    assert_eq!(*plant.rooms.gone.lock().unwrap(), [Some(Gone::Lost)]);
}

#[tokio::test]
async fn links_end_the_connection_with_or_without_a_word() {
    let plant = Plant::new().await;
    let mut told = plant.connected("service").await;
    let mut cut_off = plant.connected("service").await;

    told.ask_for(0, 0, Role::Sender, "close").await;
    cut_off.ask_for(0, 0, Role::Sender, "abort").await;

    assert_eq!(
        told.closed().await.unwrap().condition,
        "amqp:resource-deleted"
    );
    let mut words = 0;
    while let Some(word) = cut_off.frame().await {
        assert!(!matches!(word, Performative::Close(_)));
        words += 1;
    }
    assert!(words < 5);
}

#[tokio::test]
async fn a_malformed_frame_ends_its_connection_and_no_other() {
    let plant = Plant::new().await;
    let mut good = plant.connected("iothubowner").await;
    plant.device_token("pump", HOUR).await;
    good.attach(0, Role::Sender, "devices/pump/in")
        .await
        .unwrap();
    for (bytes, condition) in [
        // A frame of four bytes.
        (&[0, 0, 0, 4][..], "amqp:connection:framing-error"),
        // A body that is no performative.
        (&[0, 0, 0, 10, 2, 0, 0, 0, 0x40, 0x40], "amqp:decode-error"),
        // Larger than was said.
        (
            &[0x7f, 0, 0, 0, 2, 0, 0, 0],
            "amqp:connection:framing-error",
        ),
    ] {
        let mut bad = plant.connected("service").await;

        bad.raw(bytes).await;

        assert_eq!(bad.closed().await.unwrap().condition, condition);
    }
    good.post(0, 0, Bytes::from_static(b"still here")).await;
    good.until(|told| matches!(told, Performative::Disposition(_)))
        .await;
}

#[tokio::test]
async fn an_address_of_nobody_or_of_another_hub_is_not_found() {
    let plant = Plant::new().await;
    let mut talker = plant.connected("service").await;
    for address in ["nowhere", "", "amqps://other.example/entity"] {
        let refused = talker.attach(0, Role::Sender, address).await.unwrap_err();

        assert_eq!(refused.condition, "amqp:not-found", "{address}");
        assert!(refused.description.unwrap().contains("could not be found"));
    }
    let absolute = format!("amqps://{HOST}:5671/entity");
    talker.attach(0, Role::Sender, &absolute).await.unwrap();
}

#[tokio::test]
async fn a_link_that_is_gone_has_left_its_place_before_the_next_one_comes() {
    let plant = Plant::new().await;
    let mut talker = plant.connected("iothubowner").await;
    talker.attach(0, Role::Sender, "alone").await.unwrap();

    for handle in 0..20 {
        talker.detach(handle).await;
        talker
            .attach(handle + 1, Role::Sender, "alone")
            .await
            .unwrap();
    }

    let refused = talker.attach(21, Role::Sender, "alone").await.unwrap_err();
    assert_eq!(refused.condition, "amqp:resource-locked");
}

#[tokio::test]
async fn the_attaches_of_a_connection_take_so_much_memory_and_no_more() {
    let plant = Plant::with(Settings {
        engine: twinhub_amqp_engine::Settings {
            max_attach_bytes: 200_000,
            ..Default::default()
        },
        ..Settings::default()
    })
    .await;
    let mut talker = plant.connected("service").await;
    talker.word = "x".repeat(50_000);

    let mut attached = 0;
    let refused = loop {
        let link = talker.attach(attached, Role::Sender, "stubborn").await;
        match link {
            Ok(()) => attached += 1,
            Err(refused) => break refused,
        }
    };

    assert_eq!(refused.condition, "amqp:resource-limit-exceeded");
    assert_eq!(attached, 3);
    // What is let go makes room again.
    talker.word = String::new();
    talker.attach(9, Role::Sender, "entity").await.unwrap();
}
