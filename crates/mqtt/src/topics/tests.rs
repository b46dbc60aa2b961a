use twinhub_core::ids::{DeviceId, ModuleId};

use super::*;

fn device() -> IdentityId {
    DeviceId::parse("pump-7").unwrap().into()
}

fn module() -> IdentityId {
    IdentityId::module(
        DeviceId::parse("pump-7").unwrap(),
        ModuleId::parse("main").unwrap(),
    )
}

#[test]
fn telemetry_has_everything_behind_events_as_its_properties() {
    for (topic, identity, properties) in [
        ("devices/pump-7/messages/events", device(), ""),
        ("devices/pump-7/messages/events/", device(), ""),
        ("devices/pump-7/messages/events/a=b&c", device(), "a=b&c"),
        (
            "devices/pump-7/messages/events/?a=b/c/",
            device(),
            "?a=b/c/",
        ),
        (
            "devices/pump-7/modules/main/messages/events/x",
            module(),
            "x",
        ),
    ] {
        assert_eq!(
            DeviceTopic::parse(topic, &identity),
            Ok(DeviceTopic::Telemetry { properties }),
            "{topic}"
        );
    }
}

#[test]
fn twin_requests_keep_their_id_as_it_is() {
    for rid in [
        "1",
        "",
        "a%20b",
        "Ä",
        "%24.mid",
        "x=y?z/",
        "0f8fad5b-d9cb-469f-a165-70867728950e",
    ] {
        let topic = format!("$iothub/twin/GET/?$rid={rid}");

        let request = RequestId(rid);
        assert_eq!(
            DeviceTopic::parse(&topic, &device()),
            Ok(DeviceTopic::GetTwin { request })
        );
    }
}

#[test]
fn a_report_may_name_its_version_anywhere() {
    for (query, version) in [
        ("?$rid=7", None),
        ("?$rid=7&$version=4", Some("4")),
        ("?$version=4&$rid=7", Some("4")),
        ("?$rid=7&x=y&flag&$version=four", Some("four")),
    ] {
        let topic = format!("$iothub/twin/PATCH/properties/reported/{query}");

        let request = RequestId("7");
        assert_eq!(
            DeviceTopic::parse(&topic, &device()),
            Ok(DeviceTopic::PatchReported { request, version }),
            "{topic}"
        );
    }
}

#[test]
fn a_method_may_return_any_integer() {
    for status in [0, 200, -1, 404_103] {
        let topic = format!("$iothub/methods/res/{status}/?$rid=a");

        let request = RequestId("a");
        assert_eq!(
            DeviceTopic::parse(&topic, &module()),
            Ok(DeviceTopic::MethodResponse { request, status })
        );
    }
}

#[test]
fn other_topics_are_forbidden() {
    let long = format!("$iothub/twin/GET/?$rid={}", "x".repeat(MAX_REQUEST_ID + 1));
    for topic in [
        "home/kitchen",
        "devices/pump-7",
        "devices/pump-7/messages/eventsx",
        "devices/pump-7/messages/devicebound/",
        "devices/pump-70/messages/events/",
        "devices/PUMP-7/messages/events/",
        "devices/pump/messages/events/",
        "devices/pump-7/modules/ghost/messages/events/",
        "/devices/pump-7/messages/events/",
        "$iothub/twin/GET",
        "$iothub/twin/GET/",
        "$iothub/twin/GET/?rid=1",
        "$iothub/twin/GET/$rid=1",
        "$iothub/twin/get/?$rid=1",
        "$iothub/twin/res/200/?$rid=1",
        "$iothub/twin/PATCH/properties/desired/?$rid=1",
        "$iothub/methods/POST/reboot/?$rid=1",
        "$iothub/methods/res/ok/?$rid=1",
        "$iothub/methods/res/200",
        "$SYS/broker/uptime",
        &long,
    ] {
        assert_eq!(
            DeviceTopic::parse(topic, &device()),
            Err(Forbidden),
            "{topic}"
        );
    }
    let of_device = DeviceTopic::parse("devices/pump-7/messages/events/", &module());
    assert_eq!(of_device, Err(Forbidden));
}

#[test]
fn every_documented_filter_is_read_and_spelled_alike() {
    for (text, identity, filter) in [
        ("$iothub/twin/res/#", device(), Filter::TwinResponses),
        (
            "$iothub/twin/PATCH/properties/desired/#",
            module(),
            Filter::DesiredChanges,
        ),
        ("$iothub/methods/POST/#", device(), Filter::Methods),
        (
            "$iothub/methods/POST/reboot/#",
            module(),
            Filter::Method("reboot".into()),
        ),
        (
            "devices/pump-7/messages/devicebound/#",
            device(),
            Filter::DeviceBound,
        ),
        (
            "devices/pump-7/modules/main/messages/devicebound/#",
            module(),
            Filter::DeviceBound,
        ),
        (
            "devices/pump-7/modules/main/inputs/#",
            module(),
            Filter::ModuleInputs,
        ),
        (
            "devices/pump-7/modules/main/#",
            module(),
            Filter::ModuleEverything,
        ),
    ] {
        assert_eq!(Filter::parse(text, &identity), Ok(filter.clone()), "{text}");
        assert_eq!(filter.text(&identity), text);
    }
}

#[test]
fn other_filters_are_forbidden() {
    let endless = format!("$iothub/methods/POST/{}/#", "x".repeat(MAX_METHOD_NAME + 1));
    for filter in [
        "#",
        "+/#",
        "$iothub/#",
        "$iothub/twin/#",
        "$iothub/+/res/#",
        "$iothub/twin/GET/#",
        "$iothub/twin/res",
        "$iothub/twin/res/",
        "$iothub/methods/res/#",
        "$iothub/methods/POST/+/#",
        "$iothub/methods/POST//#",
        "$iothub/methods/POST/a/b/#",
        "$iothub/methods/POST/reboot",
        "$SYS/#",
        "devices/#",
        "devices/+/messages/devicebound/#",
        "devices/pump-7/messages/events/#",
        "devices/pump-7/messages/devicebound/",
        "devices/pump-7/#",
        "devices/pump-7/inputs/#",
        "devices/pump-70/messages/devicebound/#",
        "devices/pump-7/modules/main/inputs/#",
        "/devices/pump-7/messages/devicebound/#",
        "home/kitchen",
        &endless,
    ] {
        assert_eq!(Filter::parse(filter, &device()), Err(Forbidden), "{filter}");
    }
    let of_device = Filter::parse("devices/pump-7/messages/devicebound/#", &module());
    assert_eq!(of_device, Err(Forbidden));
}
