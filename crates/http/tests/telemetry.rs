//! `POST /devices/{id}/messages/events`

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use support::{Reply, TestHub};
use twinhub_core::access::{AuthKind, AuthMethod, AuthScope};
use twinhub_core::events::PartitionId;
use twinhub_core::messages::SystemProperty;
use twinhub_core::ports::LogError;

const TARGET: &str = "/devices/pump-7/messages/events?api-version=2021-04-12";
const BATCH: &str = "application/vnd.microsoft.iothub.json";

async fn post(hub: &TestHub, token: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    let headers = [&[("authorization", token)], headers].concat();
    hub.ask("POST", TARGET, &headers, body).await
}

#[tokio::test]
async fn a_message_is_stored_with_its_properties_before_it_is_answered() {
    let hub = TestHub::new().await;
    let token = hub.with_device("pump-7").await;

    let reply = post(
        &hub,
        &token,
        &[
            ("IoTHub-MessageId", "m-1"),
            ("iothub-contenttype", "application/json"),
            ("IotHub-App-MaxTemp", "21"),
            ("content-type", "application/octet-stream"),
        ],
        b"{}",
    )
    .await;

    assert_eq!((reply.status, reply.body.as_str()), (204, ""));
    let events = hub.log.events();
    assert_eq!(events.len(), 1);
    let message = &events[0].message;
    assert_eq!(&message.body[..], b"{}");
    assert_eq!(message.application, [("MaxTemp".into(), Some("21".into()))]);
    assert_eq!(message.system(SystemProperty::MessageId), Some("m-1"));
    assert_eq!(
        message.system(SystemProperty::ContentType),
        Some("application/json")
    );
    assert_eq!(
        events[0].origin.auth_method,
        Some(AuthMethod {
            scope: AuthScope::Device,
            kind: AuthKind::Sas,
        })
    );
}

#[tokio::test]
async fn a_batch_is_stored_whole_and_in_order_also_when_it_must_wait_for_the_log() {
    let hub = TestHub::new().await;
    let token = hub.with_device("pump-7").await;
    let bodies: Vec<String> = (0..10).map(|number| number.to_string()).collect();
    let entries: Vec<String> = bodies
        .iter()
        .map(|body| format!(r#"{{"body": "{body}", "base64Encoded": false}}"#))
        .collect();
    let batch = format!("[{}]", entries.join(","));

    let reply = post(&hub, &token, &[("content-type", BATCH)], batch.as_bytes()).await;

    assert_eq!(reply.status, 204);
    let stored = hub.log.events();
    let stored: Vec<_> = stored
        .iter()
        .map(|event| std::str::from_utf8(&event.message.body).unwrap())
        .collect();
    assert_eq!(stored, bodies);
}

#[tokio::test]
async fn of_a_batch_with_a_malformed_message_nothing_is_stored() {
    let hub = TestHub::new().await;
    let token = hub.with_device("pump-7").await;
    let batch = br#"[{"body": "aGk="}, {"body": "%"}]"#;

    let reply = post(&hub, &token, &[("content-type", BATCH)], batch).await;

    assert_eq!((reply.status, reply.error()), (400, "ArgumentInvalid"));
    assert!(hub.log.events().is_empty());
}

#[tokio::test]
async fn too_much_is_refused_and_not_stored() {
    let hub = TestHub::new().await;
    let token = hub.with_device("pump-7").await;
    let limit = 256 * 1024;
    let most = vec![b'x'; limit];

    let body = post(&hub, &token, &[], &vec![b'x'; limit + 1]).await;
    let far_over = post(&hub, &token, &[], &vec![b'x'; 10 * 1024 * 1024]).await;
    let with_properties = post(&hub, &token, &[("iothub-app-a", "b")], &most).await;
    let batch = format!(
        r#"[{{"body": "{}", "base64Encoded": false}}]"#,
        "x".repeat(limit)
    );
    let batch = post(&hub, &token, &[("content-type", BATCH)], batch.as_bytes()).await;

    for reply in [body, far_over, with_properties, batch] {
        assert_eq!((reply.status, reply.error()), (413, "MessageTooLarge"));
    }
    assert!(hub.log.events().is_empty());
    assert_eq!(post(&hub, &token, &[], &most).await.status, 204);
}

#[tokio::test]
async fn who_may_not_send_is_told_so_also_with_a_large_message() {
    let hub = TestHub::new().await;
    hub.with_device("pump-7").await;
    let other = hub.with_device("valve").await;

    let refused = post(&hub, &other, &[], &vec![b'x'; 256 * 1024]).await;

    assert_eq!(refused.status, 401);
}

#[tokio::test]
async fn who_may_not_send_is_told_so() {
    let hub = TestHub::new().await;
    let own = hub.with_device("pump-7").await;
    let other = hub.with_device("valve").await;
    let disabled = hub.with_disabled_device("old").await;
    hub.with_module("pump-7", "sensor").await;
    let version = "?api-version=2021-04-12";
    let target = |id: &str| format!("/devices/{id}/messages/events{version}");

    for (target, token, status) in [
        (target("pump-7"), Some(other.as_str()), 401),
        (target("pump-7"), Some("SharedAccessSignature x"), 401),
        (target("pump-7"), None, 401),
        (target("pump-7"), Some(&hub.policy_token("service")), 401),
        (target("old"), Some(&disabled), 401),
        (target("nobody"), Some(&hub.policy_token("device")), 401),
        (target("pump-7/modules/sensor"), Some(&own), 404),
        (target("a%23b"), Some(&own), 400),
        (
            "/devices/pump-7/messages/events".to_owned(),
            Some(&own),
            400,
        ),
        (target("pump-7"), Some(&hub.policy_token("device")), 204),
        (target("pump-7"), Some(&own), 204),
    ] {
        let headers: Vec<_> = token
            .iter()
            .map(|token| ("authorization", *token))
            .collect();

        let reply = hub.ask("POST", &target, &headers, b"x").await;

        assert_eq!(reply.status, status, "{target} {token:?} {reply:?}");
    }
    assert_eq!(hub.log.events().len(), 2);
}

#[tokio::test]
async fn what_the_log_can_not_store_is_refused() {
    for (error, status, name, word) in [
        (LogError::Full, 503, "ServiceUnavailable", "disk is full"),
        (LogError::Closed, 503, "ServiceUnavailable", "stopping"),
        (
            LogError::Failed("secret".to_owned()),
            503,
            "ServiceUnavailable",
            "send it again",
        ),
        (
            LogError::Damaged {
                partition: PartitionId(3),
                sequence_number: 321,
                detail: "secret".to_owned(),
            },
            500,
            "ServerError",
            "event 321 of partition 3 is damaged",
        ),
    ] {
        let hub = TestHub::new().await;
        let token = hub.with_device("pump-7").await;
        hub.log.fail(error);

        let reply = post(&hub, &token, &[], b"x").await;

        assert_eq!((reply.status, reply.error()), (status, name));
        assert!(reply.body.contains(word), "{}", reply.body);
        assert!(!reply.body.contains("secret"), "{}", reply.body);
    }
}

#[tokio::test]
async fn sending_moves_the_last_activity_and_is_no_connection() {
    let hub = TestHub::new().await;
    let token = hub.with_device("pump-7").await;
    let owner = hub.policy_token("iothubowner");
    let device = async || {
        let target = "/devices/pump-7?api-version=2021-04-12";
        let headers = [("authorization", owner.as_str())];
        hub.ask("GET", target, &headers, b"").await.json()
    };
    assert_eq!(device().await["lastActivityTime"], "0001-01-01T00:00:00Z");

    post(&hub, &token, &[], b"x").await;

    let device = device().await;
    assert_ne!(device["lastActivityTime"], "0001-01-01T00:00:00Z");
    assert_eq!(device["connectionState"], "Disconnected");
    assert_eq!(device["connectionStateUpdatedTime"], "0001-01-01T00:00:00Z");
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_a_message_asks_for_is_its_answer_and_lasts() {
    for (kind, status, error) in [
        ("InvokeThrottling", 429, "ThrottlingException"),
        ("InvokeMaxMessageQuota", 403, "IotHubQuotaExceeded"),
        ("InvokeAuthError", 401, "IotHubUnauthorizedAccess"),
    ] {
        let hub = TestHub::new().await;
        let token = hub.with_device("pump-7").await;
        let wish = [
            ("iothub-app-AzIoTHub_FaultOperationType", kind),
            ("iothub-app-AzIoTHub_FaultOperationDurationInSecs", "5"),
        ];

        let asked = post(&hub, &token, &wish, b"x").await;
        let meanwhile = post(&hub, &token, &[], b"x").await;
        tokio::time::advance(std::time::Duration::from_secs(6)).await;
        let afterwards = post(&hub, &token, &[], b"x").await;

        for reply in [asked, meanwhile] {
            assert_eq!((reply.status, reply.error()), (status, error));
        }
        assert_eq!(afterwards.status, 204);
        assert_eq!(hub.log.events().len(), 1);
    }
}
