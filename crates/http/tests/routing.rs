//! Routing as an operator sets it, sees it and tries it.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use serde_json::{Value, json};
use support::{NO_WAY, OPERATOR, Reply, TestHub};
use twinhub_core::events::EventSource;
use twinhub_core::ids::HubName;

const HUB: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Devices/IotHubs/plant";

async fn call(
    hub: &TestHub,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> Reply {
    let bearer = format!("Bearer {OPERATOR}");
    let mut all = vec![("authorization", bearer.as_str())];
    all.extend_from_slice(headers);
    let target = format!("{HUB}{path}?api-version=2023-06-30");
    let body = match body {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    hub.ask(method, &target, &all, body.as_bytes()).await
}

async fn put(hub: &TestHub, routing: Value) -> Reply {
    let body = json!({ "location": "local", "properties": { "routing": routing } });
    call(hub, "PUT", "", &[], &body).await
}

async fn routing(hub: &TestHub) -> Value {
    let reply = call(hub, "GET", "", &[], &Value::Null).await;
    reply.json()["properties"]["routing"].clone()
}

fn route(name: &str, source: &str, condition: &str, endpoint: &str) -> Value {
    json!({
        "name": name,
        "source": source,
        "condition": condition,
        "endpointNames": [endpoint],
        "isEnabled": true,
    })
}

/// One endpoint of each kind, a route to each and an enrichment.
fn everything() -> Value {
    let bus = "Endpoint=sb://bus.example/;SharedAccessKeyName=root;SharedAccessKey=c2VjcmV0";
    let names = ["queue", "topic", "hub", "lake", "broker", "hook", "nats"];
    let routes = names.map(|name| route(&format!("to-{name}"), "DeviceMessages", "a = 'b'", name));
    json!({
        "endpoints": {
            "serviceBusQueues": [
                { "name": "queue", "connectionString": format!("{bus};EntityPath=orders") },
            ],
            "serviceBusTopics": [
                { "name": "topic", "connectionString": bus, "entityPath": "orders" },
            ],
            "eventHubs": [
                { "name": "hub", "connectionString": format!("{bus};EntityPath=orders") },
            ],
            "storageContainers": [{
                "name": "lake",
                "connectionString": "AccountName=store;AccountKey=c2VjcmV0",
                "containerName": "events",
                "subscriptionId": "one",
                "resourceGroup": "two",
                "authenticationType": "keyBased",
            }],
            "cosmosDBSqlContainers": [],
            "amqpQueues": [
                {
                    "name": "broker",
                    "connectionString": "amqps://me:c2VjcmV0@broker.example",
                    "address": "orders",
                },
            ],
            "webhooks": [{
                "name": "hook",
                "url": "https://hook.example/in?code=c2VjcmV0",
                "headers": { "X-Key": "c2VjcmV0" },
            }],
            "natsSubjects": [{
                "name": "nats",
                "servers": "nats://c2VjcmV0@nats.example",
                "subject": "plant.{deviceid}",
                "jetStream": true,
            }],
        },
        "routes": routes,
        "fallbackRoute": {
            "name": "$fallback",
            "source": "DeviceMessages",
            "condition": "true",
            "endpointNames": ["events"],
            "isEnabled": false,
        },
        "enrichments": [
            { "key": "site", "value": "$twin.tags.site", "endpointNames": ["events", "lake"] },
        ],
    })
}

#[tokio::test]
async fn a_hub_begins_with_the_fallback_route_alone() {
    let hub = TestHub::new().await;

    let routing = routing(&hub).await;

    assert_eq!(routing["routes"], json!([]));
    assert_eq!(routing["enrichments"], json!([]));
    assert_eq!(routing["endpoints"]["webhooks"], json!([]));
    assert_eq!(routing["endpoints"]["cosmosDBSqlContainers"], json!([]));
    let fallback = json!({
        "name": "$fallback",
        "source": "DeviceMessages",
        "condition": "true",
        "endpointNames": ["events"],
        "isEnabled": true,
    });
    assert_eq!(routing["fallbackRoute"], fallback);
}

#[tokio::test]
async fn what_is_put_is_shown_with_secrets_masked() {
    let hub = TestHub::new().await;

    let reply = put(&hub, everything()).await;

    assert_eq!(reply.status, 200, "{}", reply.body);
    assert!(!reply.body.contains("c2VjcmV0"), "{}", reply.body);
    let routing = routing(&hub).await;
    assert_eq!(routing["routes"], everything()["routes"]);
    assert_eq!(routing["enrichments"], everything()["enrichments"]);
    assert_eq!(routing["fallbackRoute"]["isEnabled"], false);
    let endpoints = &routing["endpoints"];
    assert_eq!(
        endpoints["serviceBusQueues"][0]["connectionString"],
        "Endpoint=sb://bus.example/;SharedAccessKeyName=root;SharedAccessKey=****;EntityPath=orders"
    );
    assert_eq!(endpoints["serviceBusTopics"][0]["entityPath"], "orders");
    let lake = &endpoints["storageContainers"][0];
    assert_eq!(lake["encoding"], "Avro");
    assert_eq!(lake["batchFrequencyInSeconds"], 300);
    assert_eq!(lake["maxChunkSizeInBytes"], 314_572_800);
    assert_eq!(
        lake["fileNameFormat"],
        "{iothub}/{partition}/{YYYY}/{MM}/{DD}/{HH}/{mm}"
    );
    assert_eq!(lake["subscriptionId"], "one");
    assert_eq!(endpoints["webhooks"][0]["headers"]["X-Key"], "****");
    assert_eq!(
        endpoints["webhooks"][0]["url"],
        "https://hook.example/****?code=****"
    );
    assert_eq!(endpoints["webhooks"][0]["schema"], "cloudEvents");
    assert_eq!(endpoints["natsSubjects"][0]["jetStream"], true);
}

#[tokio::test]
async fn what_was_shown_can_be_put_back_and_changes_nothing() {
    let hub = TestHub::new().await;
    put(&hub, everything()).await;
    let shown = call(&hub, "GET", "", &[], &Value::Null).await.json();
    let stored = hub.hubs.by_name("plant").unwrap().routing().clone();

    let reply = call(&hub, "PUT", "", &[], &shown).await;

    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.json()["etag"], shown["etag"]);
    assert_eq!(*hub.hubs.by_name("plant").unwrap().routing(), stored);
}

#[tokio::test]
async fn kinds_of_ours_stay_unless_they_are_named() {
    let hub = TestHub::new().await;
    put(&hub, everything()).await;

    let known = json!({
        "endpoints": { "storageContainers": [] },
        "routes": [route("hooked", "DeviceMessages", "true", "hook")],
    });
    assert_eq!(put(&hub, known).await.status, 200);

    let shown = routing(&hub).await;
    assert_eq!(shown["endpoints"]["storageContainers"], json!([]));
    assert_eq!(shown["endpoints"]["webhooks"][0]["name"], "hook");
    assert_eq!(shown["endpoints"]["natsSubjects"][0]["name"], "nats");
    assert_eq!(shown["fallbackRoute"]["isEnabled"], true);

    let none = json!({ "endpoints": { "webhooks": [], "natsSubjects": [], "amqpQueues": null } });
    assert_eq!(put(&hub, none).await.status, 200);

    let shown = routing(&hub).await;
    assert_eq!(shown["endpoints"]["webhooks"], json!([]));
    assert_eq!(shown["endpoints"]["amqpQueues"][0]["name"], "broker");
}

#[tokio::test]
async fn without_routing_a_hub_keeps_what_it_has() {
    let hub = TestHub::new().await;
    put(&hub, everything()).await;
    let before = routing(&hub).await;

    for body in [
        json!({ "properties": {} }),
        json!({ "properties": { "routing": null } }),
        json!({ "tags": {} }),
    ] {
        assert_eq!(call(&hub, "PUT", "", &[], &body).await.status, 200);
    }

    assert_eq!(routing(&hub).await, before);
}

#[tokio::test]
async fn routes_are_in_force_when_the_put_is_answered() {
    let hub = TestHub::new().await;
    let plant = HubName::parse("plant").unwrap();
    let routes = json!({ "routes": [route("changes", "TwinChangeEvents", "true", "events")] });
    assert!(!hub.router.wanted().wants(&plant, EventSource::TwinChange));

    put(&hub, routes).await;

    assert!(hub.router.wanted().wants(&plant, EventSource::TwinChange));
    put(&hub, json!({})).await;
    assert!(!hub.router.wanted().wants(&plant, EventSource::TwinChange));
}

#[tokio::test]
async fn a_stale_etag_is_refused() {
    let hub = TestHub::new().await;
    let before = call(&hub, "GET", "", &[], &Value::Null).await.json();
    let body = json!({ "properties": { "routing": everything() } });
    let etag = before["etag"].as_str().unwrap();

    let first = call(&hub, "PUT", "", &[("if-match", etag)], &body).await;
    let second = call(&hub, "PUT", "", &[("if-match", etag)], &body).await;

    assert_eq!(first.status, 200);
    assert_ne!(first.json()["etag"], before["etag"]);
    assert_eq!((second.status, second.error()), (412, "PreconditionFailed"));
    let any = call(&hub, "PUT", "", &[("if-match", "*")], &body).await;
    assert_eq!(any.status, 200);
}

#[tokio::test]
async fn an_etag_is_read_as_everywhere_and_never_overlooked() {
    let hub = TestHub::new().await;
    let before = call(&hub, "GET", "", &[], &Value::Null).await.json();
    let body = json!({ "properties": { "routing": everything() } });
    let weak = format!("W/\"{}\"", before["etag"].as_str().unwrap());

    let unreadable = call(&hub, "PUT", "", &[("if-match", "\u{e9}")], &body).await;
    let unchanged = call(&hub, "GET", "", &[], &Value::Null).await.json();
    let weak = call(&hub, "PUT", "", &[("if-match", &weak)], &body).await;

    assert_eq!(
        (unreadable.status, unreadable.error()),
        (400, "ArgumentInvalid")
    );
    assert_eq!(unchanged["etag"], before["etag"]);
    assert_eq!(weak.status, 200);
}

/// Each changes one thing about [`everything`].
fn spoilt() -> Vec<(u16, &'static str, &'static str, Value)> {
    let with = |pointer: &str, value: Value| {
        let mut routing = everything();
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        match routing.pointer_mut(parent).unwrap() {
            Value::Array(items) => items[member.parse::<usize>().unwrap()] = value,
            parent => parent[member] = value,
        }
        routing
    };
    let routes = |count: usize| {
        (0..count)
            .map(|n| route(&format!("r{n}"), "DeviceMessages", "true", "events"))
            .collect::<Value>()
    };
    let enrichments = (0..11)
        .map(|n| json!({ "key": format!("k{n}"), "value": "v", "endpointNames": ["events"] }))
        .collect::<Value>();
    let hooks = (0..11)
        .map(|n| json!({ "name": format!("h{n}"), "url": "https://hook.example" }))
        .collect::<Value>();
    let bad = "ArgumentInvalid";
    vec![
        (400, bad, "routing", json!("routes")),
        (400, bad, "speed", with("/speed", json!(1))),
        (400, bad, "routes[0]", with("/routes/0", json!("hot"))),
        (
            400,
            bad,
            "routes[0]",
            with("/routes/0", json!({ "name": "x" })),
        ),
        (400, bad, "speed", with("/routes/0/speed", json!(1))),
        (
            400,
            bad,
            "can't name a route",
            with("/routes/0/name", json!("a b")),
        ),
        (
            400,
            bad,
            "given twice",
            with("/routes/0/name", json!("TO-TOPIC")),
        ),
        (
            400,
            "InvalidSourceOnRoute",
            "Telemetry",
            with("/routes/0/source", json!("Telemetry")),
        ),
        (
            400,
            "InvalidSourceOnRoute",
            "Invalid",
            with("/routes/0/source", json!("Invalid")),
        ),
        (
            400,
            bad,
            "names 0 endpoints",
            with("/routes/0/endpointNames", json!([])),
        ),
        (
            400,
            bad,
            "names 2 endpoints",
            with("/routes/0/endpointNames", json!(["hub", "lake"])),
        ),
        (
            400,
            bad,
            "\"sea\"",
            with("/routes/0/endpointNames", json!(["sea"])),
        ),
        (
            400,
            bad,
            "line 1",
            with("/routes/0/condition", json!("a == 'b'")),
        ),
        (
            403,
            "IotHubQuotaExceeded",
            "100 routes",
            with("/routes", routes(101)),
        ),
        (
            403,
            "IotHubQuotaExceeded",
            "10 custom",
            with("/endpoints/webhooks", hooks),
        ),
        (
            403,
            "IotHubQuotaExceeded",
            "10 enrichments",
            with("/enrichments", enrichments),
        ),
        (
            400,
            bad,
            "\"lake\"",
            with("/endpoints/storageContainers", json!([])),
        ),
        (
            400,
            bad,
            "can't name an endpoint",
            with("/endpoints/webhooks/0/name", json!("events")),
        ),
        (
            400,
            bad,
            "given twice",
            with("/endpoints/webhooks/0/name", json!("Queue")),
        ),
        (
            400,
            bad,
            "lacks a name",
            with("/endpoints/webhooks/0/name", json!(null)),
        ),
        (
            400,
            bad,
            "not a kind",
            with("/endpoints/pigeons", json!([{ "name": "p" }])),
        ),
        (
            501,
            "FeatureNotSupported",
            "Cosmos DB",
            with("/endpoints/cosmosDBSqlContainers", json!([{ "name": "c" }])),
        ),
        (
            501,
            "FeatureNotSupported",
            "identityBased",
            with(
                "/endpoints/eventHubs/0/authenticationType",
                json!("identityBased"),
            ),
        ),
        (
            501,
            "FeatureNotSupported",
            "endpointUri",
            with(
                "/endpoints/eventHubs/0/endpointUri",
                json!("sb://bus.example"),
            ),
        ),
        (
            400,
            bad,
            "connectionString is missing",
            with("/endpoints/eventHubs/0/connectionString", json!(null)),
        ),
        (
            400,
            bad,
            "is masked",
            with(
                "/endpoints/webhooks/0/url",
                json!("https://hook.example/in?code=****"),
            ),
        ),
        (
            400,
            bad,
            "EntityPath",
            with("/endpoints/eventHubs/0/entityPath", json!("others")),
        ),
        (
            400,
            bad,
            "url is",
            with("/endpoints/webhooks/0/url", json!("mailto:me")),
        ),
        (
            400,
            bad,
            "schema",
            with("/endpoints/webhooks/0/schema", json!("soap")),
        ),
        (
            400,
            bad,
            "endpoint hook: url: there is no way",
            with("/endpoints/webhooks/0/url", json!(NO_WAY)),
        ),
        (
            400,
            bad,
            "encoding",
            with("/endpoints/storageContainers/0/encoding", json!("XML")),
        ),
        (
            400,
            bad,
            "batchFrequencyInSeconds",
            with(
                "/endpoints/storageContainers/0/batchFrequencyInSeconds",
                json!(59),
            ),
        ),
        (
            400,
            bad,
            "maxChunkSizeInBytes",
            with(
                "/endpoints/storageContainers/0/maxChunkSizeInBytes",
                json!(1),
            ),
        ),
        (
            400,
            bad,
            "{iothub}",
            with(
                "/endpoints/storageContainers/0/fileNameFormat",
                json!("{mm}"),
            ),
        ),
        (
            400,
            bad,
            "containerName",
            with("/endpoints/storageContainers/0/containerName", json!("A")),
        ),
        (
            400,
            bad,
            "subject",
            with("/endpoints/natsSubjects/0/subject", json!("a.*")),
        ),
        (
            400,
            bad,
            "servers",
            with(
                "/endpoints/natsSubjects/0/servers",
                json!("http://nats.example"),
            ),
        ),
        (400, bad, "key", with("/enrichments/0/key", json!("a b"))),
        (
            400,
            bad,
            "twin",
            with("/enrichments/0/value", json!("$twin.site")),
        ),
        (
            400,
            bad,
            "no endpoint",
            with("/enrichments/0/endpointNames", json!([])),
        ),
        (
            400,
            bad,
            "only isEnabled",
            with("/fallbackRoute/condition", json!("a = 'b'")),
        ),
        (
            400,
            bad,
            "only isEnabled",
            with("/fallbackRoute/endpointNames", json!(["lake"])),
        ),
    ]
}

#[tokio::test]
async fn what_does_not_fit_is_refused_by_name_and_changes_nothing() {
    let hub = TestHub::new().await;
    let before = call(&hub, "GET", "", &[], &Value::Null).await.body;
    for (status, code, word, routing) in spoilt() {
        let reply = put(&hub, routing).await;

        assert_eq!(
            (reply.status, reply.error()),
            (status, code),
            "{word}: {}",
            reply.body
        );
        let message = reply.json()["message"].as_str().unwrap().to_owned();
        assert!(message.contains(word), "{message:?} lacks {word:?}");
        assert!(!message.contains("c2VjcmV0"), "{message}");
        assert_eq!(call(&hub, "GET", "", &[], &Value::Null).await.body, before);
    }
}

#[tokio::test]
async fn policies_and_routing_change_together_or_not_at_all() {
    let hub = TestHub::new().await;
    let policies = json!([{ "keyName": "only", "rights": "ServiceConnect" }]);
    let mut spoilt = everything();
    spoilt["routes"][0]["endpointNames"] = json!(["sea"]);

    let body = json!({ "properties": { "authorizationPolicies": policies, "routing": spoilt } });
    let reply = call(&hub, "PUT", "", &[], &body).await;

    assert_eq!(reply.status, 400);
    assert_eq!(hub.hubs.by_name("plant").unwrap().policies().count(), 5);
    let body =
        json!({ "properties": { "authorizationPolicies": policies, "routing": everything() } });
    let reply = call(&hub, "PUT", "", &[], &body).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(hub.hubs.by_name("plant").unwrap().policies().count(), 1);
    assert_eq!(hub.hubs.by_name("plant").unwrap().routing().routes.len(), 7);
}

#[tokio::test]
async fn all_enabled_routes_are_tried_on_a_message() {
    let hub = TestHub::new().await;
    let mut disabled = route("disabled", "DeviceMessages", "true", "events");
    disabled["isEnabled"] = json!(false);
    let hot = route("hot", "DeviceMessages", "level = 'high'", "events");
    let routes = json!([
        hot,
        route("cold", "DeviceMessages", "level = 'low'", "events"),
        route("body", "DeviceMessages", "$body.t > 30", "events"),
        route("changes", "TwinChangeEvents", "true", "events"),
        disabled,
    ]);
    put(&hub, json!({ "routes": routes })).await;
    let matching = async |source: Value, system: Value| {
        let trial = json!({
            "routingSource": source,
            "message": {
                "body": "{\"t\": 31}",
                "appProperties": { "level": "high" },
                "systemProperties": system,
            },
        });
        call(&hub, "POST", "/routing/routes/$testall", &[], &trial).await
    };
    let names = |reply: &Reply| {
        let routes = reply.json()["routes"].as_array().unwrap().clone();
        let name = |route: &Value| route["properties"]["name"].as_str().unwrap().to_owned();
        routes.iter().map(name).collect::<Vec<_>>()
    };

    let telemetry = matching(json!("DeviceMessages"), json!({})).await;
    assert_eq!(names(&telemetry), ["hot"]);
    assert_eq!(telemetry.json()["routes"][0]["properties"], hot);
    let utf8 = json!({ "contentType": "application/json", "contentEncoding": "utf-8" });
    assert_eq!(
        names(&matching(json!("devicemessages"), utf8).await),
        ["hot", "body"]
    );
    let all = matching(json!(null), json!({})).await;
    assert_eq!(names(&all), ["hot", "changes"]);
    let invalid = matching(json!("Invalid"), json!({})).await;
    assert_eq!(
        (invalid.status, invalid.error()),
        (400, "InvalidSourceOnRoute")
    );
}

#[tokio::test]
async fn a_new_route_is_tried_with_a_source_that_there_is() {
    let hub = TestHub::new().await;
    let trial = |source: &str| json!({ "route": route("new", source, "true", "events") });

    let known = call(
        &hub,
        "POST",
        "/routing/routes/$testnew",
        &[],
        &trial("DeviceMessages"),
    )
    .await;
    let unknown = call(
        &hub,
        "POST",
        "/routing/routes/$testnew",
        &[],
        &trial("Telemetry"),
    )
    .await;

    assert_eq!(known.json()["result"], "true");
    assert_eq!(
        (unknown.status, unknown.error()),
        (400, "InvalidSourceOnRoute")
    );
}

#[tokio::test]
async fn a_trial_of_a_route_with_nothing_to_try_is_refused() {
    let hub = TestHub::new().await;

    for route in [json!({}), json!({"properties": {"condition": "false"}})] {
        let trial = json!({"route": route, "message": {"body": "{}"}});
        let refused = call(&hub, "POST", "/routing/routes/$testnew", &[], &trial).await;

        assert_eq!(
            (refused.status, refused.error()),
            (400, "InvalidRouteTestInput")
        );
    }
}

#[tokio::test]
async fn endpoints_tell_how_they_are() {
    let hub = TestHub::new().await;
    put(&hub, everything()).await;

    let reply = call(&hub, "GET", "/routingEndpointsHealth", &[], &Value::Null).await;

    assert_eq!(reply.status, 200, "{}", reply.body);
    let endpoints = reply.json()["value"].as_array().unwrap().clone();
    assert_eq!(endpoints.len(), 7);
    let shown = routing(&hub).await;
    assert_eq!(
        endpoints[0]["endpointId"],
        shown["endpoints"]["serviceBusQueues"][0]["id"]
    );
    for endpoint in &endpoints {
        assert_eq!(endpoint["healthStatus"], "unknown");
        assert_eq!(endpoint["waiting"], 0);
    }
}

#[tokio::test]
async fn routing_is_the_operators_alone() {
    let hub = TestHub::new().await;
    let paths = [
        ("PUT", ""),
        ("GET", "/routingEndpointsHealth"),
        ("POST", "/routing/routes/$testall"),
        ("POST", "/routing/routes/$testnew"),
    ];
    for (method, path) in paths {
        let target = format!("{HUB}{path}?api-version=2023-06-30");
        let owner = hub.policy_token("iothubowner");

        let reply = hub
            .ask(method, &target, &[("authorization", &owner)], b"{}")
            .await;

        assert_eq!(
            (reply.status, reply.error()),
            (401, "IotHubUnauthorizedAccess")
        );
    }
}
