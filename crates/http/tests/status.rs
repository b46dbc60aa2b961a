//! How the hub stands, as it is told over HTTPS.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use support::{Follower, OPERATOR, Reply, TestHub};

async fn ask_as(hub: &TestHub, policy: &str, path: &str) -> Reply {
    let token = hub.policy_token(policy);
    let target = format!("/twinhub/v1/{path}");
    hub.ask("GET", &target, &[("authorization", &token)], b"")
        .await
}

async fn told(hub: &TestHub, path: &str) -> Value {
    let reply = ask_as(hub, "iothubowner", path).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

async fn send(hub: &TestHub, device: &str, token: &str) {
    let target = format!("/devices/{device}/messages/events?api-version=2021-04-12");
    let reply = hub
        .ask("POST", &target, &[("authorization", token)], b"{}")
        .await;
    assert_eq!(reply.status, 204, "{reply:?}");
}

#[tokio::test]
async fn a_caller_is_told_its_policy_and_what_it_opens() {
    let hub = TestHub::new().await;

    for (policy, rights) in [
        ("service", json!(["ServiceConnect"])),
        (
            "registryReadWrite",
            json!(["RegistryRead", "RegistryWrite"]),
        ),
        ("device", json!(["DeviceConnect"])),
    ] {
        let reply = ask_as(&hub, policy, "caller").await;

        let expected = json!({ "hub": "plant", "policyName": policy, "rights": rights });
        assert_eq!((reply.status, reply.json()), (200, expected));
    }
}

#[tokio::test]
async fn figures_are_for_readers_of_the_registry_and_for_back_ends() {
    let hub = TestHub::new().await;

    for path in ["status", "history"] {
        for policy in ["registryRead", "registryReadWrite", "service"] {
            let reply = ask_as(&hub, policy, path).await;
            assert_eq!(reply.status, 200, "{policy} {path}");
        }
        let refused = ask_as(&hub, "device", path).await;
        assert_eq!(
            (refused.status, refused.error()),
            (401, "IotHubUnauthorizedAccess")
        );
        let needed = "RegistryRead or ServiceConnect";
        assert!(refused.body.contains(needed), "{}", refused.body);
    }
}

#[tokio::test]
async fn partitions_are_for_those_who_may_read_them() {
    let hub = TestHub::new().await;

    let refused = ask_as(&hub, "registryReadWrite", "partitions").await;

    assert_eq!(
        (refused.status, refused.error()),
        (401, "IotHubUnauthorizedAccess")
    );
}

#[tokio::test]
async fn a_device_is_told_nothing_with_its_own_key() {
    let hub = TestHub::new().await;
    let token = hub.with_device("pump-7").await;

    for path in ["caller", "status", "history", "partitions"] {
        let target = format!("/twinhub/v1/{path}");
        let reply = hub
            .ask("GET", &target, &[("authorization", &token)], b"")
            .await;

        assert_eq!(
            (reply.status, reply.error()),
            (401, "IotHubUnauthorizedAccess")
        );
    }
}

#[tokio::test]
async fn the_status_tells_names_and_sizes_and_who_is_connected() {
    let hub = TestHub::new().await;
    hub.with_device("pump-7").await;
    hub.with_disabled_device("pump-8").await;
    let id = twinhub_core::ids::DeviceId::parse("pump-7").unwrap().into();
    let _connected = hub.enter(&id).await;

    let status = told(&hub, "status").await;

    assert_eq!(status["hub"], "plant");
    assert_eq!(status["hostNames"], json!([support::HOST]));
    assert_eq!(status["version"], "1.2.3");
    assert_eq!(status["startedAt"], "2027-01-15T08:00:00.0000000Z");
    assert_eq!(status["tier"], json!({ "name": "S1", "units": 1 }));
    let devices = json!({ "total": 2, "enabled": 1, "disabled": 1, "connected": 1 });
    assert_eq!(status["devices"], devices);
    let unknown = json!({
        "stateBytes": null, "eventsBytes": null, "backlogsBytes": null, "freeBytes": null,
    });
    assert_eq!(status["storage"], unknown);
}

#[tokio::test(start_paused = true)]
async fn history_tells_what_passed_in_each_step() {
    let hub = TestHub::new().await;
    let token = hub.with_device("pump-7").await;
    tokio::spawn(hub.history.clone().run(hub.shutdown.clone()));
    let nothing_yet = told(&hub, "history?minutes=1").await;

    for _ in 0..3 {
        send(&hub, "pump-7", &token).await;
    }
    tokio::time::sleep(Duration::from_secs(11)).await;

    let history = told(&hub, "history?minutes=1").await;
    assert_eq!(
        nothing_yet["series"]["messagesIn"],
        json!([null, null, null, null, null, null])
    );
    assert_eq!(history["stepSeconds"], 10);
    assert_eq!(history["end"], "2027-01-15T08:00:10.0000000Z");
    let series = &history["series"];
    assert_eq!(
        series["messagesIn"],
        json!([null, null, null, null, null, 3])
    );
    assert_eq!(series["messagesOut"][5], 0);
    assert_eq!(series["methods"][5], 0);
    assert_eq!(series["connected"][5], 0);
}

#[tokio::test]
async fn history_of_more_than_a_day_is_refused() {
    let hub = TestHub::new().await;

    let refused = ask_as(&hub, "service", "history?minutes=1441").await;

    assert_eq!((refused.status, refused.error()), (400, "ArgumentInvalid"));
    assert!(refused.body.contains("1 to 1440"), "{}", refused.body);
}

#[tokio::test]
async fn a_stream_is_among_the_readers_until_it_ends() {
    let hub = TestHub::new().await;
    let device = hub.with_device("pump-7").await;
    let token = hub.policy_token("service");
    let headers = [("authorization", token.as_str())];
    let mut follower =
        Follower::begin(&hub, "device=pump-7&consumerGroup=$Default", &headers).await;

    send(&hub, "pump-7", &device).await;
    follower.next().await;
    let with_it = told(&hub, "partitions").await;
    drop(follower);

    let reader = &with_it["readers"][0];
    assert_eq!(reader["consumerGroup"], "$Default");
    assert_eq!(reader["protocol"], "https");
    assert_eq!(
        (&reader["nextSequenceNumber"], &reader["lag"]),
        (&json!(1), &json!(0))
    );
    let index: usize = reader["partition"].as_str().unwrap().parse().unwrap();
    let partition = &with_it["partitions"][index];
    assert_eq!(partition["lastSequenceNumber"], 0);
    while told(&hub, "partitions").await["readers"] != json!([]) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_reader_stays_listed_when_the_hub_changes() {
    let hub = TestHub::new().await;
    hub.with_device("pump-7").await;
    let token = hub.policy_token("service");
    let headers = [("authorization", token.as_str())];
    let _follower = Follower::begin(&hub, "partition=1", &headers).await;

    hub.hubs
        .remove_policy("plant", "registryRead")
        .await
        .unwrap();

    let readers = told(&hub, "partitions").await["readers"].clone();
    assert_eq!(readers[0]["partition"], "1");
    assert_eq!(readers[0]["consumerGroup"], Value::Null);
}

#[tokio::test]
async fn errors_and_settings_are_the_operators() {
    let hub = TestHub::new().await;
    let operator = format!("Bearer {OPERATOR}");
    let owner = hub.policy_token("iothubowner");

    for (path, expected) in [("errors", json!({ "errors": [] })), ("settings", json!({}))] {
        let target = format!("/twinhub/v1/{path}");
        let told = hub
            .ask("GET", &target, &[("authorization", &operator)], b"")
            .await;
        let refused = hub
            .ask("GET", &target, &[("authorization", &owner)], b"")
            .await;
        let posted = hub
            .ask("POST", &target, &[("authorization", &operator)], b"")
            .await;

        assert_eq!((told.status, told.json()), (200, expected));
        assert_eq!(
            (refused.status, refused.error()),
            (401, "IotHubUnauthorizedAccess")
        );
        assert_eq!(posted.status, 405);
    }
}

#[tokio::test]
async fn paths_of_the_operator_are_found_in_any_case() {
    let hub = TestHub::new().await;
    let operator = format!("Bearer {OPERATOR}");

    for path in ["Backup", "Errors", "SETTINGS"] {
        let target = format!("/Twinhub/V1/{path}");
        let asked = hub
            .ask("PUT", &target, &[("authorization", &operator)], b"")
            .await;

        assert_eq!(asked.status, 405, "{target}");
    }
}
