use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::*;
use crate::events::EventSource;
use crate::ids::{DeviceId, HubName, IdentityId, ModuleId};
use crate::messages::SystemProperty;
use crate::time::Timestamp;
use crate::twins::{Twin, TwinPatch};

const GENERATION: Timestamp = Timestamp::from_ticks(638_000_000_000_000_000);
const AT: &str = "2024-05-01T10:00:00.1234567Z";

/// A teller that wants all there is, and a twin.
struct Plant {
    hub: HubName,
    teller: Teller,
    twin: Twin,
}

impl Plant {
    fn new(id: IdentityId) -> Self {
        let hub = HubName::parse("hub1").unwrap();
        let wanted = Arc::new(WantedEvents::default());
        wanted.set(&hub, EventSource::ALL);
        Plant {
            teller: Teller::new(wanted),
            twin: Twin::new(id, GENERATION),
            hub,
        }
    }

    fn of_device() -> Self {
        Plant::new(device().into())
    }

    fn of_module() -> Self {
        Plant::new(IdentityId::module(
            device(),
            ModuleId::parse("sensor").unwrap(),
        ))
    }

    fn about(&self) -> About<'_> {
        About {
            hub: &self.hub,
            id: &self.twin.id,
            generation: GENERATION,
            at: at(),
        }
    }

    /// Merges a patch of the back end, and gives the events of it.
    fn patch(&mut self, tags: Value, desired: Value) -> Vec<NewEvent> {
        let patch = TwinPatch {
            tags: object(tags),
            desired: object(desired),
        };
        self.twin.patch(&patch, at()).unwrap();
        let tags = patch.tags.as_ref().map(TwinPart::Tags);
        let desired = patch.desired.as_ref().map(TwinPart::Desired);
        let parts: Vec<_> = tags.into_iter().chain(desired).collect();
        self.teller.twin_updated(&self.about(), &self.twin, &parts)
    }

    fn report(&mut self, patch: Value) -> Vec<NewEvent> {
        let patch = object(patch).unwrap();
        self.twin.report(&patch, at()).unwrap();
        let parts = [TwinPart::Reported(&patch)];
        self.teller.twin_updated(&self.about(), &self.twin, &parts)
    }
}

fn device() -> DeviceId {
    DeviceId::parse("pump7").unwrap()
}

fn at() -> Timestamp {
    Timestamp::parse(AT).unwrap()
}

fn object(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Null => None,
        Value::Object(object) => Some(object),
        other => panic!("{other} is not an object"),
    }
}

fn body(event: &NewEvent) -> Value {
    serde_json::from_slice(&event.message.body).unwrap()
}

fn application(event: &NewEvent) -> Vec<(&str, &str)> {
    let properties = event.message.application.iter();
    properties
        .map(|(name, value)| (&**name, value.as_deref().unwrap()))
        .collect()
}

fn system(event: &NewEvent) -> Vec<(SystemProperty, &str)> {
    let properties = event.message.system.iter();
    properties.map(|(name, value)| (*name, &**value)).collect()
}

fn operations(plant: &Plant) -> [String; 3] {
    let about = plant.about();
    let events = [
        plant.teller.created(&about, &plant.twin),
        plant.teller.updated(&about, &plant.twin),
        plant.teller.deleted(&about, &plant.twin),
    ];
    events.map(|event| {
        let properties = application(&event);
        let of = |wanted| properties.iter().find(|(name, _)| *name == wanted);
        let schema = of("iothub-message-schema").unwrap().1;
        format!("{} {schema}", of("opType").unwrap().1)
    })
}

#[test]
fn a_device_that_was_created_is_told_with_its_new_twin() {
    let plant = Plant::of_device();

    let event = plant.teller.created(&plant.about(), &plant.twin);

    assert_eq!(event.source, EventSource::Lifecycle);
    assert_eq!(event.identity, IdentityId::from(device()));
    assert_eq!((event.generation, event.at), (GENERATION, at()));
    assert_eq!(
        system(&event),
        [
            (SystemProperty::ContentType, "application/json"),
            (SystemProperty::ContentEncoding, "utf-8"),
            (SystemProperty::UserId, "hub1"),
        ]
    );
    assert_eq!(
        application(&event),
        [
            ("hubName", "hub1"),
            ("deviceId", "pump7"),
            ("operationTimestamp", AT),
            ("iothub-message-schema", "deviceLifecycleNotification"),
            ("opType", "createDeviceIdentity"),
        ]
    );
    let unwritten = json!({"$metadata": {"$lastUpdated": "0001-01-01T00:00:00Z"}, "$version": 1});
    assert_eq!(
        body(&event),
        json!({
            "deviceId": "pump7",
            "etag": "AAAAAAAAAAE=",
            "version": 1,
            "properties": {"desired": unwritten, "reported": unwritten}
        })
    );
}

#[test]
fn a_module_is_told_by_its_name_beside_its_devices() {
    let plant = Plant::of_module();

    let event = plant.teller.created(&plant.about(), &plant.twin);

    assert_eq!(application(&event)[2], ("moduleId", "sensor"));
    assert_eq!(body(&event)["deviceId"], "pump7");
    assert_eq!(body(&event)["moduleId"], "sensor");
}

#[test]
fn a_device_that_was_deleted_is_told_with_what_its_twin_was_last() {
    let mut plant = Plant::of_device();
    plant.patch(json!({"hall": 3}), json!({"rate": 40}));
    plant.report(json!({"rate": 39}));

    let event = plant.teller.deleted(&plant.about(), &plant.twin);

    assert_eq!(
        body(&event),
        json!({
            "deviceId": "pump7",
            "etag": "AAAAAAAAAAI=",
            "version": 2,
            "tags": {"hall": 3},
            "properties": {
                "desired": {
                    "rate": 40,
                    "$metadata": {
                        "$lastUpdated": AT, "$lastUpdatedVersion": 2,
                        "rate": {"$lastUpdated": AT, "$lastUpdatedVersion": 2}
                    },
                    "$version": 2
                },
                "reported": {
                    "rate": 39,
                    "$metadata": {"$lastUpdated": AT, "rate": {"$lastUpdated": AT}},
                    "$version": 2
                }
            }
        })
    );
}

#[test]
fn operations_on_modules_are_named_as_those_on_devices_are() {
    let operations = operations(&Plant::of_module());

    assert_eq!(
        operations,
        [
            "createDeviceIdentity deviceLifecycleNotification",
            "updateDeviceIdentity deviceLifecycleNotification",
            "deleteDeviceIdentity deviceLifecycleNotification",
        ]
    );
}

#[test]
fn operations_on_modules_have_names_of_their_own_if_that_is_set() {
    let mut module = Plant::of_module();
    module.teller = module.teller.naming(Naming::AsModules);
    let mut device = Plant::of_device();
    device.teller = device.teller.naming(Naming::AsModules);

    assert_eq!(
        operations(&module),
        [
            "createModuleIdentity moduleLifecycleNotification",
            "updateModuleIdentity moduleLifecycleNotification",
            "deleteModuleIdentity moduleLifecycleNotification",
        ]
    );
    assert_eq!(
        operations(&device)[0],
        "createDeviceIdentity deviceLifecycleNotification"
    );
}

#[test]
fn a_patch_is_told_with_what_it_changed_alone() {
    let mut plant = Plant::of_device();
    plant.patch(
        json!({"site": "NO"}),
        json!({"rate": 1, "old": {"a": 1, "b": 2}}),
    );

    let events = plant.patch(json!({"hall": 3}), json!({"rate": 40, "old": {"a": null}}));

    let [event] = &events[..] else {
        panic!("one event, not {events:?}")
    };
    assert_eq!(event.source, EventSource::TwinChange);
    assert_eq!(
        application(event)[3..],
        [
            ("iothub-message-schema", "twinChangeNotification"),
            ("opType", "updateTwin"),
        ]
    );
    let stamp = json!({"$lastUpdated": AT, "$lastUpdatedVersion": 3});
    assert_eq!(
        body(event),
        json!({
            "version": 3,
            "tags": {"hall": 3},
            "properties": {"desired": {
                "rate": 40,
                "old": {"a": null},
                "$metadata": {
                    "$lastUpdated": AT, "$lastUpdatedVersion": 3,
                    "rate": stamp,
                    "old": stamp
                },
                "$version": 3
            }}
        })
    );
}

#[test]
fn a_removed_property_is_told_as_null_without_metadata() {
    let mut plant = Plant::of_device();
    plant.patch(json!({"hall": 3}), json!({"rate": 1}));

    let events = plant.patch(json!({"hall": null}), json!({"rate": null}));

    assert_eq!(
        body(&events[0]),
        json!({
            "version": 3,
            "tags": {"hall": null},
            "properties": {"desired": {
                "rate": null,
                "$metadata": {"$lastUpdated": AT, "$lastUpdatedVersion": 3},
                "$version": 3
            }}
        })
    );
}

#[test]
fn tags_alone_have_no_properties_beside_them() {
    let mut plant = Plant::of_device();

    let events = plant.patch(json!({"hall": 3}), Value::Null);

    assert_eq!(body(&events[0]), json!({"version": 2, "tags": {"hall": 3}}));
}

#[test]
fn what_a_device_reports_is_told_without_versions_of_its_properties() {
    let mut plant = Plant::of_module();

    let events = plant.report(json!({"motor": {"rpm": 900}, "$version": 7}));

    let stamp = json!({"$lastUpdated": AT});
    assert_eq!(
        body(&events[0]),
        json!({
            "version": 1,
            "properties": {"reported": {
                "motor": {"rpm": 900},
                "$metadata": {
                    "$lastUpdated": AT,
                    "motor": {"$lastUpdated": AT, "rpm": stamp}
                },
                "$version": 2
            }}
        })
    );
}

#[test]
fn a_replacement_is_told_with_the_whole_twin() {
    let mut plant = Plant::of_module();
    plant.report(json!({"on": true}));
    let with = TwinPatch {
        tags: None,
        desired: object(json!({"rate": 40})),
    };
    plant.twin.replace(&with, at()).unwrap();

    let events = plant.teller.twin_replaced(&plant.about(), &plant.twin, &[]);

    assert_eq!(application(&events[0])[5], ("opType", "replaceTwin"));
    assert_eq!(
        body(&events[0]),
        json!({
            "deviceId": "pump7",
            "moduleId": "sensor",
            "etag": "AAAAAAAAAAI=",
            "version": 2,
            "tags": {},
            "properties": {
                "desired": plant.twin.desired.for_service(),
                "reported": plant.twin.reported.for_service()
            }
        })
    );
}

#[test]
fn nothing_is_told_that_nobody_wants() {
    let mut plant = Plant::of_device();
    plant.twin.model_id = "dtmi:plant:Pump;1".to_owned();
    plant.teller = Teller::default();

    assert_eq!(plant.patch(json!({"hall": 3}), json!({"rate": 1})), []);
    assert_eq!(plant.report(json!({"rate": 1})), []);
    assert!(!plant.teller.wants_lifecycle(&plant.hub));
}

#[test]
fn a_desired_property_of_a_component_is_told_as_its_metadata() {
    let mut plant = Plant::of_device();
    plant.twin.model_id = "dtmi:plant:Pump;1".to_owned();

    let desired = json!({"motor": {"__t": "c", "speed": 9}, "~a/b": {"x": 1}});
    let events = plant.patch(json!({"hall": 3}), desired);

    let [_, event] = &events[..] else {
        panic!("two events, not {events:?}")
    };
    assert_eq!(event.source, EventSource::DigitalTwinChange);
    assert_eq!(
        system(event)[0],
        (SystemProperty::ContentType, "application/json-patch+json")
    );
    assert_eq!(
        body(event),
        json!([
            {"op": "add", "path": "/motor/$metadata/speed",
             "value": {"desiredValue": 9, "desiredVersion": 2}},
            {"op": "add", "path": "/$metadata/~0a~1b",
             "value": {"desiredValue": {"x": 1}, "desiredVersion": 2}}
        ])
    );
}

#[test]
fn an_acknowledgement_is_told_in_five_steps() {
    let mut plant = Plant::of_device();
    plant.twin.model_id = "dtmi:plant:Pump;1".to_owned();

    let answer = json!({"value": 9, "ac": 200, "ad": "done", "av": 2});
    let events = plant.report(json!({"motor": {"__t": "c", "speed": answer}}));

    assert_eq!(
        body(&events[1]),
        json!([
            {"op": "add", "path": "/motor/$metadata/speed/ackCode", "value": 200},
            {"op": "add", "path": "/motor/$metadata/speed/ackDescription", "value": "done"},
            {"op": "add", "path": "/motor/$metadata/speed/ackVersion", "value": 2},
            {"op": "add", "path": "/motor/$metadata/speed/lastUpdateTime", "value": AT},
            {"op": "add", "path": "/motor/speed", "value": 9}
        ])
    );
}

#[test]
fn a_read_only_property_is_told_with_its_time() {
    let mut plant = Plant::of_device();
    plant.twin.model_id = "dtmi:plant:Pump;1".to_owned();

    let events = plant.report(json!({"serial": "A7", "gone": null}));

    assert_eq!(
        body(&events[1]),
        json!([
            {"op": "remove", "path": "/gone"},
            {"op": "add", "path": "/$metadata/serial/lastUpdateTime", "value": AT},
            {"op": "add", "path": "/serial", "value": "A7"}
        ])
    );
}

#[test]
fn tags_are_no_part_of_a_digital_twin() {
    let mut plant = Plant::of_device();
    plant.twin.model_id = "dtmi:plant:Pump;1".to_owned();

    let events = plant.patch(json!({"hall": 3}), Value::Null);

    assert_eq!(events.len(), 1);
    assert_eq!(events[0].source, EventSource::TwinChange);
}
