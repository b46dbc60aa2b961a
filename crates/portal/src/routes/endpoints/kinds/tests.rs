use serde_json::json;

use super::*;

fn endpoint(members: Value) -> Endpoint {
    serde_json::from_value(members).unwrap()
}

fn kind(list: &str) -> &'static Kind {
    Kind::of_list(list).unwrap()
}

fn hook() -> Endpoint {
    endpoint(json!({
        "id": "1", "name": "hook", "url": "https://hook.example/****",
        "schema": "cloudEvents", "headers": { "X-Key": "****" },
    }))
}

#[test]
fn a_form_becomes_a_new_endpoint_of_its_kind() {
    let fields = Fields::parse(
        b"connectionString=file%3A%2F%2F%2Fsrv&containerName=&encoding=JSON&fileNameFormat=f\
          &batchFrequencyInSeconds=60&maxChunkSizeInBytes=",
    );

    let lake = kind("storageContainers")
        .read("lake", &fields, None)
        .unwrap();

    assert_eq!(
        Value::Object(lake.0),
        json!({
            "name": "lake", "connectionString": "file:///srv", "containerName": "",
            "encoding": "JSON", "fileNameFormat": "f", "batchFrequencyInSeconds": 60,
            "maxChunkSizeInBytes": null,
        })
    );
}

#[test]
fn secrets_that_are_not_typed_anew_stay_as_they_are_shown() {
    let fields = Fields::parse(b"url=&schema=eventGrid&headers=X-Key%3A+****%0D%0AX-New%3A+a%3Ab");

    let changed = kind("webhooks")
        .read("hook", &fields, Some(&hook()))
        .unwrap();

    assert_eq!(changed.text("url"), "https://hook.example/****");
    assert_eq!(changed.text("schema"), "eventGrid");
    assert_eq!(changed.text("id"), "1");
    assert_eq!(
        changed.0["headers"],
        json!({ "X-Key": "****", "X-New": "a:b" })
    );
}

#[test]
fn a_masked_secret_is_told_beside_its_field_and_an_open_text_stands_in_it() {
    let open = endpoint(json!({ "name": "n", "servers": "nats://h:4222", "subject": "s" }));

    let masked = &kind("webhooks").form(Some(&hook()))[0];
    let open = &kind("natsSubjects").form(Some(&open))[0];

    assert_eq!((masked.value.as_str(), masked.is_required()), ("", false));
    assert_eq!(masked.stored.as_deref(), Some("https://hook.example/****"));
    assert_eq!(
        (open.value.as_str(), &open.stored),
        ("nats://h:4222", &None)
    );
}

#[test]
fn the_encoding_of_a_container_is_set_once() {
    let lake = endpoint(json!({ "name": "lake", "encoding": "Avro" }));
    let fields = Fields::parse(b"encoding=JSON");
    let kind = kind("storageContainers");

    let read = kind.read("lake", &fields, Some(&lake)).unwrap();

    assert_eq!(read.text("encoding"), "Avro");
    assert!(kind.typed(&fields, Some(&lake))[2].is_fixed);
    assert!(!kind.form(None)[2].is_fixed);
}

#[test]
fn what_can_not_be_read_is_told_at_its_field() {
    let numbers = Fields::parse(b"batchFrequencyInSeconds=soon");
    let headers = Fields::parse(b"headers=X-Key");

    let soon = kind("storageContainers")
        .read("lake", &numbers, None)
        .unwrap_err();
    let bare = kind("webhooks").read("hook", &headers, None).unwrap_err();

    assert!(soon.at("batchFrequencyInSeconds").is_some());
    assert!(bare.at("headers").unwrap().contains("has no ':'"));
}

#[test]
fn what_was_typed_stands_in_the_form_again() {
    let fields = Fields::parse(b"servers=tls%3A%2F%2Fa&subject=s&jetStream=on");

    let lines = kind("natsSubjects").typed(&fields, None);

    assert_eq!(lines[0].value, "tls://a");
    assert!(lines[2].is_ticked);
}

#[test]
fn an_endpoint_tells_where_it_leads() {
    let bus = "Endpoint=sb://bus.example/;SharedAccessKey=****;EntityPath=orders";
    for (list, members, place) in [
        (
            "storageContainers",
            json!({ "connectionString": "AccountName=store;AccountKey=****", "containerName": "events" }),
            "store/events",
        ),
        (
            "storageContainers",
            json!({ "connectionString": "https://store.example/events?sig=****", "containerName": "" }),
            "https://store.example/events",
        ),
        (
            "eventHubs",
            json!({ "connectionString": bus, "entityPath": null }),
            "sb://bus.example/orders",
        ),
        (
            "webhooks",
            json!({ "url": "https://hook.example/****" }),
            "https://hook.example/****",
        ),
        (
            "natsSubjects",
            json!({ "servers": "nats://h", "subject": "a.b" }),
            "nats://h/a.b",
        ),
        (
            "amqpQueues",
            json!({ "connectionString": "amqps://u:****@h", "address": "/queues/q" }),
            "amqps://u:****@h/queues/q",
        ),
    ] {
        assert_eq!(kind(list).leads_to(&endpoint(members)), place, "{list}");
    }
}
