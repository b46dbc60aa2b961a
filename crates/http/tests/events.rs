//! `GET /twinhub/v1/events`

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::time::Duration;

use support::{Follower, TestHub};
use twinhub_core::consumer_groups::ConsumerGroupName;
use twinhub_core::ports::LogError;
use twinhub_core::time::Timestamp;

async fn send(hub: &TestHub, device: &str, token: &str, body: &str) {
    let target = format!("/devices/{device}/messages/events?api-version=2021-04-12");
    let headers = [("authorization", token)];
    let reply = hub.ask("POST", &target, &headers, body.as_bytes()).await;
    assert_eq!(reply.status, 204);
}

#[tokio::test]
async fn a_follower_sees_what_comes_after_it_is_ready_and_can_resume() {
    let hub = TestHub::new().await;
    let token = hub.with_device("pump-7").await;
    let service = hub.policy_token("service");
    let headers = [("authorization", service.as_str())];
    send(&hub, "pump-7", &token, "before").await;

    let mut follower = Follower::begin(&hub, "", &headers).await;
    send(&hub, "pump-7", &token, "first").await;
    follower.until("id: ").await;
    let id = follower.until("\n").await;
    let event = follower.until("\n").await;
    let first = follower.next().await;
    drop(follower);
    send(&hub, "pump-7", &token, "second").await;
    let resume = [headers[0], ("Last-Event-ID", id.trim())];
    let second = Follower::begin(&hub, "", &resume).await.next().await;

    assert_eq!(event, "event: telemetry\n");
    assert_eq!(first["body"], "first");
    assert_eq!(first["deviceId"], "pump-7");
    assert_eq!(first["source"], "Telemetry");
    assert_eq!(second["body"], "second");
}

#[tokio::test]
async fn filters_and_max_choose_what_is_seen_and_end_the_stream() {
    let hub = TestHub::new().await;
    let pump = hub.with_device("pump-7").await;
    let valve = hub.with_device("valve").await;
    let service = hub.policy_token("service");
    let headers = [("authorization", service.as_str())];
    for number in 0..9 {
        send(&hub, "pump-7", &pump, &format!("cold {number}")).await;
        send(&hub, "valve", &valve, &format!("hot {number}")).await;
    }
    send(&hub, "pump-7", &pump, "hot").await;
    send(&hub, "pump-7", &pump, "hotter").await;

    let query = "since=earliest&deviceId=pump-7&content=hot&source=Telemetry&max=1";
    let mut follower = Follower::begin(&hub, query, &headers).await;

    assert_eq!(follower.next().await["body"], "hot");
    assert!(!follower.end().await.contains("data:"));
}

#[tokio::test]
async fn what_is_stored_is_read_from_a_place_to_the_end() {
    let hub = TestHub::new().await;
    let token = hub.with_device("pump-7").await;
    let service = hub.policy_token("service");
    let headers = [("authorization", service.as_str())];
    for number in 0..5 {
        send(&hub, "pump-7", &token, &format!("number {number}")).await;
    }

    let query = "deviceId=pump-7&last=2&until=latest";
    let mut last = Follower::begin(&hub, query, &headers).await;
    let fourth = last.next().await;
    let rest = last.end().await;
    let query = format!("partition={}&sequenceNumber=1&max=1", fourth["partition"]);
    let mut one = Follower::begin(&hub, &query, &headers).await;

    assert_eq!(fourth["body"], "number 3");
    assert_eq!(rest.matches("data:").count(), 1, "{rest}");
    assert!(rest.contains(": that is all\n"), "{rest}");
    assert_eq!(one.next().await["body"], "number 1");
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_beats_every_fifteen_seconds_and_lives_on() {
    let hub = TestHub::new().await;
    let service = hub.policy_token("service");
    let mut follower = Follower::begin(&hub, "", &[("authorization", &service)]).await;
    let begun = tokio::time::Instant::now();

    for _ in 0..20 {
        follower.until(": still here\n").await;
    }

    let elapsed = begun.elapsed();
    assert!(
        (Duration::from_secs(300)..Duration::from_secs(302)).contains(&elapsed),
        "{elapsed:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_when_its_token_expires() {
    let hub = TestHub::new().await;
    let token = hub.token_for("service", 100);
    let begun = tokio::time::Instant::now();

    let mut follower = Follower::begin(&hub, "", &[("authorization", &token)]).await;
    let rest = follower.end().await;

    assert!(rest.contains(": the token has expired\n"), "{rest}");
    assert!(begun.elapsed() < Duration::from_secs(101));
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_when_its_policy_is_gone_and_tells_nothing_more() {
    let hub = TestHub::new().await;
    let device = hub.with_device("pump-7").await;
    let service = hub.policy_token("service");
    let mut follower = Follower::begin(&hub, "", &[("authorization", &service)]).await;

    hub.hubs.remove_policy("plant", "service").await.unwrap();
    send(&hub, "pump-7", &device, "secret").await;

    let rest = follower.end().await;
    assert!(rest.contains(": the key is no longer good\n"), "{rest}");
    assert!(!rest.contains("data:"), "{rest}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_when_its_consumer_group_is_deleted_and_no_other() {
    let hub = TestHub::new().await;
    let service = hub.policy_token("service");
    let name = |text| ConsumerGroupName::parse(text).unwrap();
    for group in ["reports", "alarms"] {
        let put = hub
            .hubs
            .put_consumer_group("plant", name(group), Timestamp::from_ticks(1));
        put.await.unwrap();
    }
    let headers = [("authorization", service.as_str())];
    let mut of_group = Follower::begin(&hub, "consumerGroup=Reports", &headers).await;
    let mut of_default = Follower::begin(&hub, "consumerGroup=%24default", &headers).await;

    let remove = |group| hub.hubs.remove_consumer_group("plant", name(group));
    remove("alarms").await.unwrap();
    remove("reports").await.unwrap();

    let rest = of_group.end().await;
    assert!(rest.contains(": the consumer group is deleted\n"), "{rest}");
    let device = hub.with_device("pump-7").await;
    send(&hub, "pump-7", &device, "seen").await;
    assert_eq!(of_default.next().await["body"], "seen");
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_when_the_hub_stops() {
    let hub = TestHub::new().await;
    let service = hub.policy_token("service");
    let mut follower = Follower::begin(&hub, "", &[("authorization", &service)]).await;

    hub.shutdown.cancel();

    let rest = follower.end().await;
    assert!(rest.contains(": the hub is stopping\n"), "{rest}");
}

#[tokio::test(start_paused = true)]
async fn streams_that_went_away_make_room_for_others() {
    let hub = TestHub::new().await;
    let service = hub.policy_token("service");
    let headers = [("authorization", service.as_str())];
    let mut followers = Vec::new();
    for _ in 0..64 {
        followers.push(Follower::begin(&hub, "", &headers).await);
    }
    let one_more = hub.ask("GET", "/twinhub/v1/events", &headers, b"").await;

    followers.pop();
    tokio::time::sleep(Duration::from_secs(20)).await;

    assert_eq!((one_more.status, one_more.error()), (503, "ServerBusy"));
    Follower::begin(&hub, "", &headers).await;
}

#[tokio::test]
async fn what_can_not_be_followed_is_refused_before_the_stream_begins() {
    let hub = TestHub::new().await;
    let device = hub.with_device("pump-7").await;
    let service = hub.policy_token("service");
    for (query, token, status, error) in [
        ("", device.as_str(), 401, "IotHubUnauthorizedAccess"),
        (
            "",
            &hub.policy_token("registryRead"),
            401,
            "IotHubUnauthorizedAccess",
        ),
        ("partition=2", &service, 400, "ArgumentInvalid"),
        ("since=never", &service, 400, "ArgumentInvalid"),
        ("consumerGroup=mine", &service, 404, "GenericNotFound"),
    ] {
        let target = format!("/twinhub/v1/events?{query}");
        let reply = hub
            .ask("GET", &target, &[("authorization", token)], b"")
            .await;

        assert_eq!((reply.status, reply.error()), (status, error), "{query}");
    }
}

#[tokio::test]
async fn a_failed_log_refuses_messages_and_leaves_followers_waiting() {
    let hub = TestHub::new().await;
    let token = hub.with_device("pump-7").await;
    let service = hub.policy_token("service");
    send(&hub, "pump-7", &token, "stored").await;
    hub.log.fail(LogError::Full);

    let query = "since=earliest";
    let mut follower = Follower::begin(&hub, query, &[("authorization", &service)]).await;

    assert_eq!(follower.next().await["body"], "stored");
}
