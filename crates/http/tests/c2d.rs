//! Messages to devices over REST, from both sides.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use support::{Reply, TestHub};

const VERSION: &str = "api-version=2021-04-12";
const QUEUE: &str = "/devices/pump-7/messages/deviceBound";

/// A hub with a device, and what the device and a back end ask.
struct Both {
    hub: TestHub,
    device: String,
    service: String,
}

impl Both {
    async fn new() -> Self {
        let hub = TestHub::new().await;
        Both {
            device: hub.with_device("pump-7").await,
            service: hub.policy_token("service"),
            hub,
        }
    }

    async fn send(&self, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        self.back_end("POST", QUEUE, headers, body).await
    }

    async fn back_end(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        let headers = [&[("authorization", self.service.as_str())], headers].concat();
        let target = format!("{path}?{VERSION}");
        self.hub.ask(method, &target, &headers, body).await
    }

    async fn receive(&self) -> Reply {
        self.device("GET", "").await
    }

    async fn device(&self, method: &str, rest: &str) -> Reply {
        let headers = [("authorization", self.device.as_str())];
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let target = format!("{QUEUE}{path}?{VERSION}&{query}");
        self.hub.ask(method, &target, &headers, b"").await
    }
}

fn lock(reply: &Reply) -> String {
    let etag = reply.header("ETag").expect("a message has a lock");
    etag.trim_matches('"').to_owned()
}

#[tokio::test]
async fn what_a_back_end_sends_a_device_receives_with_names_spelt_as_clients_compare() {
    let both = Both::new().await;

    let sent = both
        .send(
            &[
                ("iothub-messageid", "m-1"),
                ("iothub-contenttype", "text/plain"),
                ("iothub-contentencoding", "utf-8"),
                ("iothub-ack", "full"),
                ("iothub-app-MaxTemp", "21"),
            ],
            b"hello",
        )
        .await;
    let received = both.receive().await;

    assert_eq!((sent.status, sent.body.as_str()), (204, ""));
    assert_eq!((received.status, received.body.as_str()), (200, "hello"));
    for (name, value) in [
        ("iothub-messageid", "m-1"),
        ("ContentType", "text/plain"),
        ("ContentEncoding", "utf-8"),
        ("iothub-contenttype", "text/plain"),
        ("iothub-contentencoding", "utf-8"),
        ("iothub-ack", "full"),
        ("iothub-app-MaxTemp", "21"),
        ("iothub-to", "/devices/pump-7/messages/deviceBound"),
        ("iothub-deliverycount", "0"),
    ] {
        assert_eq!(received.header(name), Some(value), "{received:?}");
    }
    assert!(received.header("ETag").is_some(), "{received:?}");
    assert!(received.header("iothub-sequencenumber").is_some());
    assert!(received.header("iothub-enqueuedtime").is_some());
    assert!(received.header("iothub-expiry").is_some());
}

#[tokio::test]
async fn an_empty_queue_answers_at_once() {
    let both = Both::new().await;

    let reply = both.receive().await;

    assert_eq!((reply.status, reply.body.as_str()), (204, ""));
}

#[tokio::test]
async fn a_locked_message_is_settled_once() {
    let both = Both::new().await;
    for (method, rest) in [
        ("DELETE", ""),
        ("DELETE", "?reject"),
        ("DELETE", "?reject="),
        ("DELETE", "?%3Freject=true"),
    ] {
        both.send(&[], b"x").await;
        let received = both.receive().await;
        assert_eq!(both.receive().await.status, 204);

        let path = format!("/{}{rest}", lock(&received));
        let settled = both.device(method, &path).await;
        let again = both.device(method, &path).await;

        assert_eq!(settled.status, 204, "{rest}");
        assert_eq!(
            (again.status, again.error()),
            (412, "DeviceMessageLockLost")
        );
        assert_eq!(both.receive().await.status, 204);
    }
}

#[tokio::test]
async fn an_abandoned_message_comes_again_and_counts() {
    let both = Both::new().await;
    both.send(&[], b"x").await;
    let received = both.receive().await;

    let abandoned = both
        .device("POST", &format!("/{}/abandon", lock(&received)))
        .await;

    assert_eq!(abandoned.status, 204);
    let again = both.receive().await;
    assert_eq!(again.header("iothub-deliverycount"), Some("1"));
    assert_ne!(lock(&again), lock(&received));
}

#[tokio::test]
async fn rejection_and_purge_are_told_in_feedback() {
    tokio::time::pause();
    let both = Both::new().await;
    let headers = [("iothub-ack", "negative"), ("iothub-messageid", "m-1")];
    both.send(&headers, b"x").await;
    let received = both.receive().await;
    both.device("DELETE", &format!("/{}?reject", lock(&received)))
        .await;
    let feedback = "/messages/serviceBound/feedback";
    assert_eq!(both.back_end("GET", feedback, &[], b"").await.status, 204);

    tokio::time::advance(std::time::Duration::from_secs(16)).await;
    let batch = both.back_end("GET", feedback, &[], b"").await;

    assert_eq!(batch.status, 200);
    assert_eq!(
        batch.header("Content-Type"),
        Some("application/vnd.microsoft.iothub.feedback.json")
    );
    let records = batch.json();
    assert_eq!(records[0]["originalMessageId"], "m-1");
    assert_eq!(records[0]["statusCode"], "Rejected");
    assert_eq!(records[0]["deviceId"], "pump-7");
    let abandon = format!("{feedback}/{}/abandon", lock(&batch));
    assert_eq!(both.back_end("POST", &abandon, &[], b"").await.status, 204);
    let again = both.back_end("GET", feedback, &[], b"").await;
    let complete = format!("{feedback}/{}", lock(&again));
    assert_eq!(
        both.back_end("DELETE", &complete, &[], b"").await.status,
        204
    );
    let lost = both.back_end("DELETE", &complete, &[], b"").await;
    assert_eq!((lost.status, lost.error()), (412, "DeviceMessageLockLost"));
}

#[tokio::test]
async fn a_queue_is_bounded_and_can_be_purged() {
    let both = Both::new().await;
    for _ in 0..50 {
        assert_eq!(both.send(&[], b"x").await.status, 204);
    }

    let full = both.send(&[], b"x").await;
    let purged = both
        .back_end("DELETE", "/devices/pump-7/commands", &[], b"")
        .await;

    assert_eq!(
        (full.status, full.error()),
        (403, "DeviceMaximumQueueDepthExceeded")
    );
    assert_eq!(purged.status, 200);
    assert_eq!(
        purged.json(),
        serde_json::json!({"totalMessagesPurged": 50, "deviceId": "pump-7", "moduleId": null})
    );
    assert_eq!(both.receive().await.status, 204);
}

#[tokio::test]
async fn messages_that_can_not_be_queued_are_refused() {
    let both = Both::new().await;
    let large = vec![b'x'; 64 * 1024 + 1];
    let most = vec![b'x'; 64 * 1024];
    let none: &[(&str, &str)] = &[];
    let path = |id: &str| format!("/devices/{id}/messages/deviceBound");

    for (path, headers, body, status, error) in [
        (path("pump-7"), none, &large, 413, "MessageTooLarge"),
        (
            path("pump-7"),
            &[("iothub-app-a", "b")],
            &most,
            413,
            "MessageTooLarge",
        ),
        (path("nobody"), none, &most, 404, "DeviceNotFound"),
        (
            path("pump-7/modules/sensor"),
            none,
            &most,
            404,
            "ModuleNotFound",
        ),
        (
            path("pump-7"),
            &[("iothub-expiry", "2001-01-01T00:00:00Z")],
            &most,
            403,
            "InvalidMessageExpiryTime",
        ),
        (
            path("pump-7"),
            &[("iothub-expiry", "soon")],
            &most,
            400,
            "ArgumentInvalid",
        ),
        (
            path("pump-7"),
            &[("iothub-ack", "maybe")],
            &most,
            400,
            "ArgumentInvalid",
        ),
    ] {
        let reply = both.back_end("POST", &path, headers, body).await;

        assert_eq!(
            (reply.status, reply.error()),
            (status, error),
            "{path} {headers:?}"
        );
    }
    assert_eq!(both.receive().await.status, 204);
    assert_eq!(both.send(&[], &most).await.status, 204);
}

#[tokio::test]
async fn back_ends_and_devices_each_have_their_side() {
    let both = Both::new().await;
    let query = format!("{QUEUE}?{VERSION}");
    let as_device = [("authorization", both.device.as_str())];
    let as_service = [("authorization", both.service.as_str())];

    let sent_by_device = both.hub.ask("POST", &query, &as_device, b"x").await;
    let received_by_service = both.hub.ask("GET", &query, &as_service, b"").await;

    assert_eq!(sent_by_device.status, 401);
    assert_eq!(received_by_service.status, 401);
}

#[tokio::test]
async fn modules_get_messages_but_not_over_https() {
    let both = Both::new().await;
    both.hub.with_module("pump-7", "sensor").await;
    let path = "/devices/pump-7/modules/sensor/messages/deviceBound";

    let sent = both.back_end("POST", path, &[], b"x").await;
    let target = format!("{path}?{VERSION}");
    let as_device = [("authorization", both.device.as_str())];
    let received = both.hub.ask("GET", &target, &as_device, b"").await;
    let purged = both
        .back_end(
            "DELETE",
            "/devices/pump-7/modules/sensor/commands",
            &[],
            b"",
        )
        .await;

    assert_eq!(sent.status, 204);
    assert_eq!(
        (received.status, received.error()),
        (404, "GenericNotFound")
    );
    assert_eq!(
        purged.json(),
        serde_json::json!({"totalMessagesPurged": 1, "deviceId": "pump-7", "moduleId": "sensor"})
    );
}

#[tokio::test]
async fn explorer_may_encode_the_id_twice_and_the_whole_path_once() {
    let both = Both::new().await;
    both.hub.with_device("a@b").await;
    let headers = [("authorization", both.service.as_str())];

    let target = format!("/devices%2Fa%2540b%2Fmessages%2FdeviceBound?{VERSION}");
    let sent = both.hub.ask("POST", &target, &headers, b"x").await;

    assert_eq!(sent.status, 204);
    let purged = both
        .back_end("DELETE", "/devices/a%40b/commands", &[], b"")
        .await;
    assert_eq!(purged.json()["totalMessagesPurged"], 1);
}
