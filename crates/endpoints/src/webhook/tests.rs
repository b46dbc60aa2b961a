mod receiver;

use serde_json::{Value, json};
use twinhub_core::events::{Event, EventSource};
use twinhub_core::ids::HubName;
use twinhub_core::messages::{Message, SystemProperty};
use twinhub_core::routing::{
    Endpoint, EndpointGroup, EndpointId, EndpointName, EndpointTarget, Secret, WebhookSchema,
    WebhookTarget,
};
use twinhub_core::time::{Clock, SystemClock};

use super::*;
use crate::samples::event;
use crate::trust::Trust;

use self::receiver::{Receiver, Request};

const ORIGIN: &str = "hub.plant.example";
const KEY: &str = "s3cret-key";

fn hook(url: String, schema: WebhookSchema) -> Result<Arc<Hook>, DeliveryFailure> {
    hook_allowing(false, url, schema)
}

fn hook_allowing(
    allows_http: bool,
    url: String,
    schema: WebhookSchema,
) -> Result<Arc<Hook>, DeliveryFailure> {
    let target = WebhookTarget {
        url: Secret::new(url),
        schema,
        headers: vec![("X-Key".to_owned(), Secret::new(KEY.to_owned()))],
    };
    let endpoint = Endpoint {
        id: EndpointId::generate(),
        name: EndpointName::parse("hook").unwrap(),
        group: Some(EndpointGroup {
            subscription_id: "sub-1".to_owned(),
            resource_group: "plants".to_owned(),
        }),
        target: EndpointTarget::Webhook(target.clone()),
    };
    let hub = HubName::parse("plant").unwrap();
    let ways = Ways {
        clock: &(Arc::new(SystemClock) as Arc<dyn Clock>),
        trust: &Trust::default(),
        allows_http,
    };
    Hook::new((&hub, ORIGIN), &endpoint, &target, &ways).map(Arc::new)
}

fn webhook(receiver: &Receiver, schema: WebhookSchema) -> Webhook {
    Webhook::new(hook(receiver.url(), schema).unwrap(), PartitionId(3))
}

fn telemetry(sequence_number: u64, body: &str) -> Event {
    let system = vec![
        (SystemProperty::ContentType, "application/json".into()),
        (SystemProperty::ContentEncoding, "utf-8".into()),
    ];
    let message = Message {
        system,
        application: vec![("hall".into(), Some("7".into()))],
        body: body.to_owned().into(),
    };
    event(sequence_number, message)
}

async fn deliver(webhook: &mut Webhook, events: &[Event]) -> Result<(), DeliveryFailure> {
    let events = events.iter().map(EventRef::from).collect::<Vec<_>>();
    let mut rest = &events[..];
    while !rest.is_empty() {
        let taken = webhook.take(rest).await?;
        rest = &rest[taken..];
        if taken == 0 || rest.is_empty() {
            webhook.flush().await?;
        }
    }
    Ok(())
}

fn ids(request: &Request) -> Vec<u64> {
    let Value::Array(events) = request.json() else {
        panic!("not an array");
    };
    let number = |event: &Value| {
        let id = event["id"].as_str().unwrap();
        id.rsplit('-').next().unwrap().parse().unwrap()
    };
    events.iter().map(number).collect()
}

#[tokio::test]
async fn a_receiver_of_cloud_events_is_asked_once_and_gets_batches() {
    let receiver = Receiver::start(|_| "200 OK\r\nWebHook-Allowed-Origin: *").await;
    let mut webhook = webhook(&receiver, WebhookSchema::CloudEvents);

    for number in 0..2 {
        let events = [
            telemetry(2 * number, "1.50"),
            telemetry(2 * number + 1, "x"),
        ];
        deliver(&mut webhook, &events).await.unwrap();
    }

    let requests = receiver.requests();
    let methods = requests.iter().map(|one| &*one.method).collect::<Vec<_>>();
    assert_eq!(methods, ["OPTIONS", "POST", "POST"]);
    assert_eq!(requests[0].header("webhook-request-origin"), Some(ORIGIN));
    let post = &requests[1];
    assert_eq!(
        post.header("content-type"),
        Some("application/cloudevents-batch+json; charset=utf-8")
    );
    assert_eq!(post.header("x-key"), Some(KEY));
    assert!(post.body.contains(r#""body":1.50"#), "{}", post.body);
    let events = post.json();
    let first = &events[0];
    let id = first["id"].as_str().unwrap();
    assert!(id.ends_with("-3-0"), "{id}");
    assert_eq!(first["specversion"], "1.0");
    assert_eq!(first["type"], "Microsoft.Devices.DeviceTelemetry");
    assert_eq!(first["subject"], "devices/pump-7/modules/sensor");
    assert_eq!(
        first["source"],
        "/subscriptions/sub-1/resourceGroups/plants/providers/Microsoft.Devices/IotHubs/plant"
    );
    assert_eq!(first["time"], "2026-11-21T08:00:00.0000000Z");
    assert_eq!(first["data"]["properties"], json!({"hall": "7"}));
    let system = &first["data"]["systemProperties"];
    assert_eq!(system["iothub-content-type"], "application/json");
    assert_eq!(system["iothub-connection-device-id"], "pump-7");
    assert_eq!(system["iothub-message-source"], "Telemetry");
    // It is not the JSON that it is said to be.
    assert_eq!(events[1]["data"]["body"], "eA==");
}

#[tokio::test]
async fn a_receiver_that_does_not_allow_this_hub_gets_no_event() {
    for answer in [
        "200 OK",
        "200 OK\r\nWebHook-Allowed-Origin: other.example",
        "405 Method Not Allowed\r\nWebHook-Allowed-Origin: *",
        "413 Payload Too Large",
        "302 Found\r\nLocation: /elsewhere",
    ] {
        let receiver = Receiver::start(move |_| answer).await;
        let mut webhook = webhook(&receiver, WebhookSchema::CloudEvents);

        let failure = deliver(&mut webhook, &[telemetry(0, "1")])
            .await
            .unwrap_err();

        assert_ne!(failure.reason, FailureReason::Invalid, "{answer}");
        assert_eq!(receiver.requests().len(), 1, "{answer}");
    }
}

#[tokio::test]
async fn the_origin_is_compared_whatever_the_case() {
    let allows = "200 OK\r\nWebHook-Allowed-Origin: HUB.plant.example";
    let receiver = Receiver::start(move |_| allows).await;
    let mut webhook = webhook(&receiver, WebhookSchema::CloudEvents);

    deliver(&mut webhook, &[telemetry(0, "1")]).await.unwrap();
}

#[tokio::test]
async fn a_receiver_in_event_grids_schema_gives_back_a_code() {
    let receiver = Receiver::start_with(|request| {
        let code = request.json()[0]["data"]["validationCode"].clone();
        ("200 OK", json!({ "validationResponse": code }).to_string())
    })
    .await;
    let mut webhook = webhook(&receiver, WebhookSchema::EventGrid);

    deliver(&mut webhook, &[telemetry(0, "1")]).await.unwrap();

    let requests = receiver.requests();
    let types = requests
        .iter()
        .map(|one| one.header("aeg-event-type").unwrap());
    assert_eq!(
        types.collect::<Vec<_>>(),
        ["SubscriptionValidation", "Notification"]
    );
    assert_eq!(
        requests[0].json()[0]["eventType"],
        "Microsoft.EventGrid.SubscriptionValidationEvent"
    );
    let event = &requests[1].json()[0];
    assert_eq!(event["eventType"], "Microsoft.Devices.DeviceTelemetry");
    assert_eq!(
        (&event["dataVersion"], &event["metadataVersion"]),
        (&json!(""), &json!("1"))
    );
    assert_eq!(
        event["topic"],
        "/SUBSCRIPTIONS/SUB-1/RESOURCEGROUPS/PLANTS/PROVIDERS/MICROSOFT.DEVICES/IOTHUBS/PLANT"
    );
}

#[tokio::test]
async fn a_wrong_code_is_no_consent() {
    let receiver =
        Receiver::start_with(|_| ("200 OK", r#"{"validationResponse":"1"}"#.to_owned())).await;
    let mut webhook = webhook(&receiver, WebhookSchema::EventGrid);

    let failure = deliver(&mut webhook, &[telemetry(0, "1")])
        .await
        .unwrap_err();

    assert_eq!(failure.reason, FailureReason::Unauthorized);
    assert_eq!(receiver.requests().len(), 1);
}

#[tokio::test]
async fn batches_shrink_until_they_fit_and_what_never_fits_is_named() {
    const TOO_LARGE: &str = "413 Payload Too Large";
    let receiver = Receiver::start(|request| match &*request.method {
        "OPTIONS" => "200 OK\r\nWebHook-Allowed-Origin: *",
        _ if request.body.contains("huge") || ids(request).len() > 3 => TOO_LARGE,
        _ => "202 Accepted",
    })
    .await;
    let mut webhook = webhook(&receiver, WebhookSchema::CloudEvents);
    let events = (0..10).map(|number| match number {
        7 => telemetry(7, "\"huge\""),
        _ => telemetry(number, "1"),
    });

    let failure = deliver(&mut webhook, &events.collect::<Vec<_>>())
        .await
        .unwrap_err();

    assert_eq!(failure.reason, FailureReason::Invalid);
    assert_eq!(failure.delivered, 7);
    let took = receiver.requests().into_iter().filter(|one| one.was_taken);
    let got = took.skip(1).flat_map(|one| ids(&one)).collect::<Vec<_>>();
    assert_eq!(got, [0, 1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn a_failure_in_the_middle_tells_how_far_it_came_and_nothing_is_held() {
    let receiver = Receiver::start(|request| match &*request.method {
        "OPTIONS" => "200 OK\r\nWebHook-Allowed-Origin: *",
        _ if ids(request).contains(&400) => "503 Service Unavailable\r\nRetry-After: 7",
        _ => "204 No Content",
    })
    .await;
    let mut webhook = webhook(&receiver, WebhookSchema::CloudEvents);
    let events = (350..450).map(|number| telemetry(number, "1"));
    let events = events.collect::<Vec<_>>();
    let refs = events.iter().map(EventRef::from).collect::<Vec<_>>();
    assert_eq!(webhook.take(&refs).await, Ok(100));
    webhook.events_per_request = 20;

    let failure = webhook.flush().await.unwrap_err();

    // Each request that is taken makes the next one larger.
    assert_eq!(failure.delivered, 20 + 21);
    assert_eq!(failure.retry_after, Some(std::time::Duration::from_secs(7)));
    assert_eq!(webhook.batch.len(), 0);
}

#[tokio::test]
async fn a_batch_is_bounded_in_number_and_in_size() {
    let receiver = Receiver::start(|_| "200 OK").await;
    let mut webhook = webhook(&receiver, WebhookSchema::CloudEvents);
    let small = (0..300)
        .map(|number| telemetry(number, "1"))
        .collect::<Vec<_>>();
    let large = format!("\"{}\"", "x".repeat(200_000));
    let large = (0..20)
        .map(|number| telemetry(number, &large))
        .collect::<Vec<_>>();

    let refs = small.iter().map(EventRef::from).collect::<Vec<_>>();
    let by_number = webhook.take(&refs).await.unwrap();
    webhook.batch.clear();
    let refs = large.iter().map(EventRef::from).collect::<Vec<_>>();
    let by_size = webhook.take(&refs).await.unwrap();

    assert_eq!((by_number, by_size), (250, 2));
}

#[tokio::test]
async fn a_receiver_of_small_batches_gets_one_a_flush() {
    let receiver = Receiver::start(|request| match &*request.method {
        "OPTIONS" => "200 OK\r\nWebHook-Allowed-Origin: *",
        _ if ids(request).len() > 3 => "413 Payload Too Large",
        _ => "202 Accepted",
    })
    .await;
    let mut webhook = webhook(&receiver, WebhookSchema::CloudEvents);
    let events = (0..6).map(|number| telemetry(number, "1"));
    let events = events.collect::<Vec<_>>();
    deliver(&mut webhook, &events).await.unwrap();
    webhook.events_per_request = 2;
    let before = receiver.requests().len();

    let refs = events.iter().map(EventRef::from).collect::<Vec<_>>();
    let taken = webhook.take(&refs).await.unwrap();
    webhook.flush().await.unwrap();

    assert_eq!(taken, 2);
    assert_eq!(receiver.requests().len(), before + 1);
}

#[tokio::test]
async fn refused_once_it_is_asked_again() {
    let receiver = Receiver::start(|request| match &*request.method {
        "OPTIONS" => "200 OK\r\nWebHook-Allowed-Origin: *",
        _ => "401 Unauthorized",
    })
    .await;
    let mut webhook = webhook(&receiver, WebhookSchema::CloudEvents);

    for _ in 0..2 {
        let failure = deliver(&mut webhook, &[telemetry(0, "1")])
            .await
            .unwrap_err();
        assert_eq!(failure.reason, FailureReason::Unauthorized);
    }

    let methods = receiver.requests().into_iter().map(|one| one.method);
    assert_eq!(
        methods.collect::<Vec<_>>(),
        ["OPTIONS", "POST", "OPTIONS", "POST"]
    );
}

#[tokio::test]
async fn nobody_there_is_told_without_the_address() {
    let receiver = Receiver::start(|_| "200 OK").await;
    let url = receiver.url();
    drop(receiver);
    let mut webhook = Webhook::new(
        hook(url, WebhookSchema::CloudEvents).unwrap(),
        PartitionId(0),
    );

    let failure = deliver(&mut webhook, &[telemetry(0, "1")])
        .await
        .unwrap_err();

    assert_eq!(failure.reason, FailureReason::Unreachable);
    assert!(!failure.detail.contains("code="), "{}", failure.detail);
}

#[test]
fn events_go_in_the_clear_to_this_machine_alone() {
    for (url, is_usable) in [
        ("https://hooks.example/in?code=1", true),
        ("http://127.0.0.1:8080/", true),
        ("http://[::1]/", true),
        ("http://LOCALHOST/in", true),
        ("http://hooks.example/", false),
        ("http://192.168.0.9/", false),
        ("http://localhost.hooks.example/", false),
        ("http://127.0.0.1@hooks.example/", false),
        ("ftp://127.0.0.1/", false),
        ("nothing", false),
    ] {
        let hook = hook(url.to_owned(), WebhookSchema::CloudEvents);

        assert_eq!(hook.is_ok(), is_usable, "{url}");
    }
}

#[test]
fn operators_may_allow_http_to_other_machines() {
    for (url, is_usable) in [
        ("http://hooks.example/", true),
        ("https://hooks.example/", true),
        ("ftp://hooks.example/", false),
    ] {
        let hook = hook_allowing(true, url.to_owned(), WebhookSchema::CloudEvents);

        assert_eq!(hook.is_ok(), is_usable, "{url}");
    }
}

#[test]
fn a_hubs_own_events_have_types_and_their_bodies_a_place() {
    let hook = hook(
        "https://hooks.example/".to_owned(),
        WebhookSchema::CloudEvents,
    )
    .unwrap();
    let sender = Sender::new(&hook, PartitionId(0));
    for (source, operation, kind, place) in [
        (
            EventSource::ConnectionState,
            "deviceConnected",
            "Microsoft.Devices.DeviceConnected",
            "deviceConnectionStateEventInfo",
        ),
        (
            EventSource::ConnectionState,
            "moduleDisconnected",
            "Microsoft.Devices.DeviceDisconnected",
            "deviceConnectionStateEventInfo",
        ),
        (
            EventSource::Lifecycle,
            "createDeviceIdentity",
            "Microsoft.Devices.DeviceCreated",
            "twin",
        ),
        (
            EventSource::Lifecycle,
            "deleteModuleIdentity",
            "Microsoft.Devices.DeviceDeleted",
            "twin",
        ),
        (
            EventSource::Lifecycle,
            "updateModuleIdentity",
            "Twinhub.Devices.IdentityUpdated",
            "twin",
        ),
        (
            EventSource::TwinChange,
            "updateTwin",
            "Twinhub.Devices.TwinUpdated",
            "twin",
        ),
        (
            EventSource::TwinChange,
            "replaceTwin",
            "Twinhub.Devices.TwinReplaced",
            "twin",
        ),
        (
            EventSource::DigitalTwinChange,
            "",
            "Twinhub.Devices.DigitalTwinChanged",
            "body",
        ),
        (
            EventSource::JobLifecycle,
            "",
            "Twinhub.Devices.JobChanged",
            "body",
        ),
    ] {
        let mut event = telemetry(0, r#"{"sequenceNumber":"00A"}"#);
        event.origin.source = source;
        let operation = ("opType".into(), Some(operation.into()));
        event.message.application = vec![operation];

        let mut out = Vec::new();
        sender.write(&EventRef::from(&event), &mut out);

        let written: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(written["type"], kind);
        let data = &written["data"];
        assert_eq!(data[place], json!({"sequenceNumber": "00A"}), "{kind}");
        assert_eq!(
            (&data["hubName"], &data["moduleId"]),
            (&json!("plant"), &json!("sensor"))
        );
    }
}
