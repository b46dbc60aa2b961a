//! What time ends: silence, expiry, a peer that does not read.
//!
//! The clock is paused once nothing waits for the engine: its threads are not
//! tokio's, so a paused clock would leap over them.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::time::Duration;

use support::TestHub;
use support::client::{bytes_of, connect_of};
use tokio::time::Instant;
use twinhub_mqtt::Settings;
use twinhub_mqtt_codec::{Packet, PacketId};

#[tokio::test]
async fn a_trickle_does_not_stretch_the_connect_deadline() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let connect = connect_of(&who, &hub.token(&who));
    let connect = bytes_of(&[Packet::Connect(Box::new(connect))]);
    tokio::time::pause();
    let begun = Instant::now();
    let mut client = hub.connection();

    for byte in connect.chunks(1).take(20) {
        client.send_bytes(byte).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    client.expect_closed().await;

    assert_eq!(
        begun.elapsed().as_secs(),
        Settings::default().connect_deadline.as_secs()
    );
}

#[tokio::test]
async fn silence_of_one_and_a_half_intervals_closes_and_any_packet_resets_it() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut connect = connect_of(&who, &hub.token(&who));
    connect.keep_alive = 10;
    let mut session = hub.connection();
    session.connect_with(connect).await.unwrap();
    tokio::time::pause();

    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(14)).await;
        session.ping().await;
        tokio::time::sleep(Duration::from_secs(14)).await;
        session.send(Packet::PubAck(PacketId::MIN)).await;
    }
    let last = Instant::now();
    session.expect_closed().await;

    assert_eq!(last.elapsed().as_secs(), 15);
    assert!(!hub.is_connected(&who));
}

#[tokio::test]
async fn half_a_packet_is_not_a_sign_of_life() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut connect = connect_of(&who, &hub.token(&who));
    connect.keep_alive = 10;
    let mut session = hub.connection();
    let last = Instant::now();
    session.connect_with(connect).await.unwrap();
    tokio::time::pause();

    for byte in b"\x30\x20\x00" {
        tokio::time::sleep(Duration::from_secs(4)).await;
        session.send_bytes(&[*byte]).await;
    }
    session.expect_closed().await;

    assert_eq!(last.elapsed().as_secs(), 15);
}

#[tokio::test]
async fn a_session_ends_with_its_token_however_busy_it_is() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let token = hub.token_for(&who, Duration::from_secs(20));
    let begun = Instant::now();
    let mut session = hub.connection();
    session.connect(&who, &token).await;
    tokio::time::pause();

    for _ in 0..9 {
        tokio::time::sleep(Duration::from_secs(2)).await;
        session.ping().await;
    }
    session.expect_closed().await;

    // The token tells whole seconds.
    assert!((19..=20).contains(&begun.elapsed().as_secs()));
}

#[tokio::test]
async fn a_clock_that_was_set_past_the_expiry_ends_a_busy_session() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = hub.session(&who).await;

    hub.set_clock_forward(Duration::from_secs(2 * 3600));

    session.send(Packet::PingReq).await;
    session.expect_closed().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed() {
    let hub = TestHub::new().await;
    let who = hub.with_device("pump-7").await;
    let mut session = hub.connection_with_room_for(64);
    session.connect(&who, &hub.token(&who)).await;
    tokio::time::pause();
    let begun = Instant::now();

    let pings = bytes_of(&vec![Packet::PingReq; 32]);
    session.send_bytes(&pings).await;
    // 64 bytes of answers fit; these are what is too much.
    session.send_bytes(&pings).await;
    while hub.is_connected(&who) {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }

    let deadline = Settings::default().write_deadline;
    assert!(begun.elapsed() >= deadline);
    assert!(begun.elapsed() < deadline + Duration::from_secs(3));
}
