//! Direct methods over REST, with sessions that answer as told.
#![allow(
    clippy::unwrap_used,
    reason = "a failure is a panic, in helpers as well"
)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use support::within::WITHIN;
use support::{Reply, TestHub};
use tokio::io::AsyncWriteExt as _;
use tokio::task::JoinHandle;
use twinhub_core::access::DevicePermit;
use twinhub_core::connections::Connected;
use twinhub_core::ids::{DeviceId, IdentityId, ModuleId};
use twinhub_core::methods::{MAX_IN_FLIGHT, MethodReply, MethodRequest};
use twinhub_core::ports::{Interests, MethodInterest, Notice};

const VERSION: &str = "api-version=2021-04-12";
const PUMP: &str = "/twins/pump-7/methods";
const SENSOR: &str = "/twins/pump-7/modules/sensor/methods";

/// A hub with a device and a module, whose methods a back end calls.
#[derive(Clone)]
struct Plant(Arc<TestHub>);

/// A session of somebody who answers.
struct Answering {
    hub: Arc<TestHub>,
    permit: DevicePermit,
    connected: Connected,
}

fn pump() -> IdentityId {
    DeviceId::parse("pump-7").unwrap().into()
}

fn sensor() -> IdentityId {
    IdentityId::module(
        DeviceId::parse("pump-7").unwrap(),
        ModuleId::parse("sensor").unwrap(),
    )
}

impl Plant {
    async fn new() -> Self {
        let hub = TestHub::new().await;
        hub.with_device("pump-7").await;
        hub.with_module("pump-7", "sensor").await;
        Plant(Arc::new(hub))
    }

    async fn listen(&self, id: &IdentityId) -> Answering {
        let (permit, connected) = self.0.enter(id).await;
        connected.mailbox.listens_to(Interests {
            methods: MethodInterest::All,
            ..Interests::default()
        });
        Answering {
            hub: self.0.clone(),
            permit,
            connected,
        }
    }

    async fn ask(&self, policy: &str, path: &str, body: &[u8]) -> Reply {
        let token = self.0.policy_token(policy);
        let headers = [("authorization", token.as_str())];
        let target = format!("{path}?{VERSION}");
        self.0.ask("POST", &target, &headers, body).await
    }

    async fn call(&self, path: &str, body: Value) -> Reply {
        self.ask("service", path, body.to_string().as_bytes()).await
    }

    fn calling(&self, path: &'static str, body: Value) -> JoinHandle<Reply> {
        let plant = self.clone();
        tokio::spawn(async move { plant.call(path, body).await })
    }
}

impl Answering {
    async fn request(&mut self) -> Arc<MethodRequest> {
        match self.connected.mailbox.next().await {
            Ok(Notice::MethodCalled(request)) => request,
            other => panic!("expected a call, got {other:?}"),
        }
    }

    fn answer(&self, request: &MethodRequest, status: i64, payload: &'static str) -> bool {
        let reply = MethodReply {
            status,
            payload: Bytes::from_static(payload.as_bytes()),
        };
        self.hub
            .methods
            .accept_reply(&self.permit, request.call, reply)
    }
}

/// The JSON within the JSON: its number and text.
fn told(reply: &Reply) -> (u64, String) {
    let body = reply.json();
    assert_eq!(body["ExceptionMessage"], "");
    let inner: Value = serde_json::from_str(body["Message"].as_str().unwrap()).unwrap();
    assert!(inner["trackingId"].is_string() && inner["timestampUtc"].is_string());
    (
        inner["errorCode"].as_u64().unwrap(),
        inner["message"].as_str().unwrap().to_owned(),
    )
}

#[tokio::test]
async fn devices_and_modules_are_called_and_answer() {
    let plant = Plant::new().await;
    for (path, id) in [(PUMP, pump()), (SENSOR, sensor())] {
        let mut answering = plant.listen(&id).await;

        let call = plant.calling(
            path,
            json!({"methodName": "stop", "payload": {"now": true}}),
        );
        let request = answering.request().await;
        answering.answer(&request, 404, "{\"big\": 12345678901234567890123}");
        let reply = call.await.unwrap();

        assert_eq!(request.name.as_str(), "stop");
        assert_eq!(&request.payload[..], b"{\"now\":true}");
        assert_eq!(reply.status, 200);
        let expected = r#"{"status":404,"payload":{"big": 12345678901234567890123}}"#;
        assert_eq!(reply.body, expected);
    }
}

#[tokio::test]
async fn who_is_not_there_is_told_apart() {
    let plant = Plant::new().await;
    plant.0.with_disabled_device("locked").await;
    let body = json!({"methodName": "stop"});

    for (path, number, name) in [
        ("/twins/nobody/methods", 404_001, "DeviceNotFound"),
        (
            "/twins/pump-7/modules/none/methods",
            404_010,
            "ModuleNotFound",
        ),
        (
            "/twins/nobody/modules/none/methods",
            404_010,
            "ModuleNotFound",
        ),
        (PUMP, 404_103, "DeviceNotOnline"),
        (SENSOR, 404_103, "DeviceNotOnline"),
        ("/twins/locked/methods", 404_103, "DeviceNotOnline"),
    ] {
        let reply = plant.call(path, body.clone()).await;

        assert_eq!((reply.status, reply.error()), (404, name), "{path}");
        assert_eq!(told(&reply).0, number, "{path}");
    }
}

#[tokio::test]
async fn what_a_device_does_wrong_is_a_bad_gateway() {
    let plant = Plant::new().await;
    let mut answering = plant.listen(&pump()).await;

    let call = plant.calling(PUMP, json!({"methodName": "stop"}));
    let request = answering.request().await;
    answering.answer(&request, 200, "done");
    let reply = call.await.unwrap();

    assert_eq!((reply.status, reply.error()), (502, "GenericBadGateway"));
    assert_eq!(told(&reply).0, 502_000);
}

#[tokio::test]
async fn who_disconnects_in_mid_call_is_named() {
    let plant = Plant::new().await;
    let mut answering = plant.listen(&pump()).await;

    let call = plant.calling(PUMP, json!({"methodName": "stop"}));
    answering.request().await;
    let session = answering.connected.mailbox.session();
    plant.0.methods.hung_up(&answering.permit, session);
    let reply = call.await.unwrap();

    assert_eq!(reply.status, 404);
    assert_eq!(told(&reply).0, 404_104);
}

#[tokio::test(start_paused = true)]
async fn silence_is_a_gateway_timeout() {
    let plant = Plant::new().await;
    let _answering = plant.listen(&pump()).await;

    let body = json!({"methodName": "stop", "responseTimeoutInSeconds": 5});
    let reply = plant.call(PUMP, body).await;

    assert_eq!((reply.status, reply.error()), (504, "GatewayTimeout"));
    assert_eq!(told(&reply).0, 504_101);
}

#[tokio::test]
async fn callers_without_the_right_and_bodies_that_make_no_sense_reach_nobody() {
    let plant = Plant::new().await;
    let _answering = plant.listen(&pump()).await;
    let body = br#"{"methodName":"stop"}"#;

    for policy in ["device", "registryRead", "registryReadWrite"] {
        let reply = plant.ask(policy, PUMP, body).await;
        assert_eq!(reply.status, 401, "{policy}");
        assert_eq!(reply.error(), "IotHubUnauthorizedAccess");
    }
    for body in ["", "[]", "{}", "{\"methodName\":\"a/b\"}"] {
        let reply = plant.ask("service", PUMP, body.as_bytes()).await;
        assert_eq!(reply.status, 400, "{body}");
    }
    let target = format!("{PUMP}?{VERSION}");
    let wrong = plant.0.ask("GET", &target, &[], b"").await;
    assert_eq!((wrong.status, wrong.header("Allow")), (405, Some("POST")));
}

#[tokio::test]
async fn a_payload_beyond_the_limit_is_refused() {
    let plant = Plant::new().await;
    let mut answering = plant.listen(&pump()).await;
    let payload = |size: usize| json!({"methodName": "m", "payload": "a".repeat(size - 2)});

    let over = plant.call(PUMP, payload(128 * 1024 + 1)).await;
    assert_eq!((over.status, over.error()), (413, "MessageTooLarge"));
    let far_over = plant.call(PUMP, payload(256 * 1024)).await;
    assert_eq!(far_over.status, 413);

    let call = plant.calling(PUMP, payload(128 * 1024));
    let request = answering.request().await;
    answering.answer(&request, 200, "null");
    assert_eq!(call.await.unwrap().status, 200);
}

/// Their places are free again: more come and go than may wait at once.
#[tokio::test]
async fn clients_that_go_away_stop_waiting() {
    stop_waiting(PUMP.to_owned()).await;
}

/// Also where a page asks for them.
#[tokio::test]
async fn visitors_of_pages_that_go_away_stop_waiting() {
    stop_waiting(format!("{WITHIN}{PUMP}")).await;
}

async fn stop_waiting(path: String) {
    let plant = Plant::new().await;
    let mut answering = plant.listen(&pump()).await;
    let token = plant.0.policy_token("service");
    let body = r#"{"methodName":"stop"}"#;
    let request = format!(
        "POST {path}?{VERSION} HTTP/1.1\r\nhost: {}\r\nauthorization: {token}\r\ncontent-length: {}\r\n\r\n{body}",
        support::HOST,
        body.len(),
    );
    let mut clients = Vec::new();
    for _ in 0..MAX_IN_FLIGHT {
        let mut client = plant.0.connect();
        client.write_all(request.as_bytes()).await.unwrap();
        answering.request().await;
        clients.push(client);
    }
    let refused = plant.call(PUMP, json!({"methodName": "stop"})).await;
    assert_eq!(told(&refused).0, 403_800);

    drop(clients);

    let taken = async {
        loop {
            // Refused at once until they are missed, then handed over.
            let call = plant.calling(PUMP, json!({"methodName": "stop"}));
            tokio::select! {
                biased;
                request = answering.request() => {
                    assert!(answering.answer(&request, 200, "null"));
                    break call.await.unwrap();
                }
                () = tokio::time::sleep(Duration::from_millis(50)) => {}
            }
        }
    };
    // Long before they would have given up.
    let reply = tokio::time::timeout(Duration::from_secs(10), taken).await;
    assert_eq!(reply.unwrap().status, 200);
}

#[tokio::test]
async fn a_hub_that_stops_waits_for_no_answer() {
    let plant = Plant::new().await;
    let mut answering = plant.listen(&pump()).await;

    let call = plant.calling(PUMP, json!({"methodName": "stop"}));
    answering.request().await;
    plant.0.shutdown.cancel();

    let reply = call.await.unwrap();
    assert_eq!((reply.status, reply.error()), (503, "ServiceUnavailable"));
    plant.0.gateway.drained().await;
}
