//! Queries over REST.
#![allow(
    clippy::unwrap_used,
    reason = "a failure is a panic, in helpers as well"
)]

mod support;

use serde_json::{Value, json};
use support::{Reply, TestHub};
use twinhub_core::ids::{DeviceId, IdentityId, ModuleId};

const VERSION: &str = "api-version=2021-04-12";
const QUERY: &str = "/devices/query?api-version=2021-04-12";

/// A hub with devices `d0` to `d4`, of which the first is connected and has a
/// module, asked by a back end.
struct Plant {
    hub: TestHub,
    token: String,
}

impl Plant {
    async fn new() -> Self {
        let hub = TestHub::new().await;
        for number in 0..5 {
            hub.with_device(&format!("d{number}")).await;
        }
        hub.with_module("d0", "m").await;
        let token = hub.policy_token("service");
        let plant = Plant { hub, token };
        let twin = json!({
            "tags": {"site": {"hall": 3}, "name": "é"},
            "properties": {"desired": {"interval": 5, "limits": {"high": 1.5}}},
        });
        plant.patch("/twins/d0", &twin).await;
        plant.patch("/twins/d0/modules/m", &twin).await;
        plant
    }

    async fn patch(&self, path: &str, twin: &Value) {
        let target = format!("{path}?{VERSION}");
        let headers = [("authorization", self.token.as_str())];
        let body = twin.to_string();
        let reply = self
            .hub
            .ask("PATCH", &target, &headers, body.as_bytes())
            .await;
        assert_eq!(reply.status, 200, "{}", reply.body);
    }

    async fn twin(&self, path: &str) -> Value {
        let target = format!("{path}?{VERSION}");
        let headers = [("authorization", self.token.as_str())];
        self.hub.ask("GET", &target, &headers, b"").await.json()
    }

    async fn ask(&self, query: &str) -> Reply {
        self.ask_with(query, &[]).await
    }

    async fn ask_with(&self, query: &str, more: &[(&str, &str)]) -> Reply {
        let body = json!({"query": query}).to_string();
        self.send(body.as_bytes(), more).await
    }

    async fn send(&self, body: &[u8], more: &[(&str, &str)]) -> Reply {
        let mut headers = vec![("authorization", self.token.as_str())];
        headers.extend(more);
        self.hub.ask("POST", QUERY, &headers, body).await
    }
}

fn device(id: &str) -> IdentityId {
    DeviceId::parse(id).unwrap().into()
}

fn module(device: &str, id: &str) -> IdentityId {
    let device = DeviceId::parse(device).unwrap();
    IdentityId::module(device, ModuleId::parse(id).unwrap())
}

#[tokio::test]
async fn rows_are_what_reading_the_twins_gives() {
    let plant = Plant::new().await;
    let _device = plant.hub.enter(&device("d0")).await;
    let _module = plant.hub.enter(&module("d0", "m")).await;

    let devices = plant.ask("SELECT * FROM devices").await;
    let modules = plant.ask("SELECT * FROM devices.modules").await;

    assert_eq!(devices.header("x-ms-item-type"), Some("Twin"));
    let devices = devices.json();
    assert_eq!(devices.as_array().unwrap().len(), 5);
    assert_eq!(devices[0], plant.twin("/twins/d0").await);
    assert_eq!(devices[0]["connectionState"], "Connected");
    assert_eq!(devices[4], plant.twin("/twins/d4").await);
    assert_eq!(modules.header("x-ms-item-type"), Some("Twin"));
    assert_eq!(
        modules.json(),
        json!([plant.twin("/twins/d0/modules/m").await])
    );
}

/// Each member of a twin, whether selected or read with all others.
#[tokio::test]
async fn every_member_of_a_twin_can_be_selected() {
    let plant = Plant::new().await;
    let _device = plant.hub.enter(&device("d0")).await;

    for (path, source) in [
        ("/twins/d0", "devices"),
        ("/twins/d0/modules/m", "devices.modules"),
    ] {
        let twin = plant.twin(path).await;
        let twin = twin.as_object().unwrap();
        let members: Vec<_> = twin.keys().cloned().collect();
        let members = members.join(", ");
        let query = format!("SELECT {members} FROM {source} WHERE deviceId = 'd0'");

        let selected = plant.ask(&query).await;

        assert_eq!(selected.header("x-ms-item-type"), Some("Raw"));
        assert_eq!(selected.json(), json!([twin]), "{members}");
    }
    let sections = plant
        .ask("SELECT properties.desired, properties.reported FROM devices WHERE deviceId = 'd0'")
        .await;
    let twin = plant.twin("/twins/d0").await;
    assert_eq!(sections.json(), json!([twin["properties"]]));
}

#[tokio::test]
async fn pages_follow_their_tokens() {
    let plant = Plant::new().await;
    let query = "SELECT deviceId FROM devices";
    let size = ("x-ms-max-item-count", "2");

    let mut pages = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let mut headers = vec![size];
        headers.extend(token.as_deref().map(|token| ("x-ms-continuation", token)));
        let page = plant.ask_with(query, &headers).await;
        assert_eq!(
            (page.status, page.header("x-ms-item-type")),
            (200, Some("Raw"))
        );
        pages.push(page.json().as_array().unwrap().len());
        token = page.header("x-ms-continuation").map(str::to_owned);
        if token.is_none() {
            break;
        }
    }

    assert_eq!(pages, [2, 2, 1]);
}

#[tokio::test]
async fn sizes_of_pages_are_as_clients_send_them() {
    let plant = Plant::new().await;
    for (size, rows) in [("1", 1), ("99999999", 5), ("-1", 5), ("0", 5), (" 3 ", 3)] {
        let page = plant
            .ask_with("SELECT * FROM devices", &[("x-ms-max-item-count", size)])
            .await;
        assert_eq!(page.json().as_array().unwrap().len(), rows, "{size}");
    }
    let empty = plant
        .ask_with("SELECT * FROM devices", &[("x-ms-continuation", "")])
        .await;
    assert_eq!(empty.status, 200);
}

#[tokio::test]
async fn what_is_no_query_is_refused_with_its_place() {
    let plant = Plant::new().await;

    let refused = plant
        .ask("SELECT *\nFROM devices\nWHERE tags.group = 'x'")
        .await;

    assert_eq!((refused.status, refused.error()), (400, "ArgumentInvalid"));
    let message = refused.json()["Message"].to_string();
    assert!(message.contains("ErrorCode:ArgumentInvalid"), "{message}");
    assert!(message.contains("line 3, column 12"), "{message}");
}

#[tokio::test]
async fn bad_requests_are_refused_by_code() {
    let plant = Plant::new().await;
    let ask = "SELECT * FROM devices";
    let foreign = plant
        .ask_with(
            "SELECT deviceId FROM devices",
            &[("x-ms-max-item-count", "1")],
        )
        .await;
    let foreign = foreign.header("x-ms-continuation").unwrap();

    for (query, header, status, code) in [
        ("", ("a", "b"), 400, "ArgumentInvalid"),
        (
            "SELECT deviceId FROM devices.jobs",
            ("a", "b"),
            400,
            "ArgumentInvalid",
        ),
        (
            "SELECT * FROM devices.jobs",
            ("a", "b"),
            501,
            "FeatureNotSupported",
        ),
        (ask, ("x-ms-max-item-count", "many"), 400, "ArgumentInvalid"),
        (
            ask,
            ("x-ms-continuation", "made-up"),
            400,
            "ArgumentInvalid",
        ),
        (ask, ("x-ms-continuation", foreign), 400, "ArgumentInvalid"),
    ] {
        let refused = plant.ask_with(query, &[header]).await;
        assert_eq!(
            (refused.status, refused.error()),
            (status, code),
            "{query} {header:?}"
        );
    }
    for (body, code) in [
        (&b"{"[..], "IotHubFormatError"),
        (b"{}", "ArgumentInvalid"),
        (b"[\"SELECT * FROM devices\"]", "ArgumentInvalid"),
        (b"{\"query\": 5}", "ArgumentInvalid"),
        (b"", "IotHubFormatError"),
    ] {
        let refused = plant.send(body, &[]).await;
        assert_eq!((refused.status, refused.error()), (400, code));
    }
    let large = plant.send(&vec![b' '; 200_000], &[]).await;
    assert_eq!(large.status, 413);
}

#[tokio::test]
async fn only_who_may_read_twins_may_query_them() {
    let mut plant = Plant::new().await;

    for (policy, status) in [
        ("service", 200),
        ("iothubowner", 200),
        ("registryRead", 401),
        ("registryReadWrite", 401),
        ("device", 401),
    ] {
        plant.token = plant.hub.policy_token(policy);
        let reply = plant.ask("SELECT * FROM devices").await;
        assert_eq!(reply.status, status, "{policy}");
    }
}
