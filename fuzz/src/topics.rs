//! What an MQTT client names: topics, filters, user names, IDs; and what the
//! gateway stored of them.

use twinhub_core::ids::{DeviceId, HubName, IdentityId, MAX_ID_LENGTH, ModuleId};
use twinhub_mqtt::bag::{Bag, BagWriter};
use twinhub_mqtt::subscriptions::Subscriptions;
use twinhub_mqtt::topics::{DeviceTopic, Filter, MAX_REQUEST_ID};
use twinhub_mqtt::username::{MAX_MODEL_ID, Username};

fn identities() -> [IdentityId; 2] {
    let device = DeviceId::parse("pump-7").expect("a plain id");
    let module = ModuleId::parse("main").expect("a plain id");
    [
        IdentityId::from(device.clone()),
        IdentityId::module(device, module),
    ]
}

/// Topics, property bags, filters and stored subscriptions. What a topic yields stood in it;
/// a filter and a record that are read are written as they were.
pub fn mqtt_topic(bytes: &[u8]) {
    if let Ok(subscriptions) = Subscriptions::from_record(bytes) {
        let again = Subscriptions::from_record(&subscriptions.to_record());
        assert_eq!(again, Ok(subscriptions));
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    for identity in identities() {
        if let Ok(filter) = Filter::parse(text, &identity) {
            assert_eq!(filter.text(&identity), text);
        }
        let request = match DeviceTopic::parse(text, &identity) {
            Ok(DeviceTopic::Telemetry { properties }) => {
                assert!(text.ends_with(properties));
                bag_survives_writing(properties);
                continue;
            }
            Ok(DeviceTopic::GetTwin { request }) => request,
            Ok(DeviceTopic::PatchReported { request, version }) => {
                assert!(version.is_none_or(|version| text.contains(version)));
                request
            }
            Ok(DeviceTopic::MethodResponse { request, .. }) => request,
            Err(_) => continue,
        };
        let rid = request.as_str();
        assert!(rid.len() <= MAX_REQUEST_ID);
        assert!(text.contains(&format!("$rid={rid}")));
    }
}

/// The sender's own properties are written for clients and read as they were.
fn bag_survives_writing(text: &str) {
    let bag = Bag::parse(text);
    let mut written = String::new();
    let mut writer = BagWriter::new(&mut written);
    for (name, value) in &bag.application {
        writer.application(name, value.as_deref());
    }
    assert!(!written.contains(['/', '+', '#', '$', ' ']));
    let again = Bag::parse(&written);
    assert_eq!(again.application, bag.application);
    assert!(again.system.is_empty());
}

/// A user name that is read begins with its host and IDs, and its model is no
/// longer than allowed.
pub fn mqtt_username(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(username) = Username::parse(text) else {
        return;
    };
    let Username { host, identity, .. } = &username;
    assert!(!host.is_empty());
    assert!(text.starts_with(&format!("{host}/{identity}/")));
    assert!(text.contains("api-version"));
    if let Some(model_id) = &username.model_id {
        assert!((1..=MAX_MODEL_ID).contains(&model_id.len()));
    }
}

/// IDs that are taken are within their limits, shown as they came, and can't
/// be mistaken for a path or a filter.
pub fn ids(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let device = DeviceId::parse(text);
    let module = ModuleId::parse(text);
    assert_eq!(device.is_ok(), module.is_ok());
    if let Ok(device) = device {
        assert_eq!(device.as_str(), text);
        assert!((1..=MAX_ID_LENGTH).contains(&text.len()));
        assert!(!text.contains(['/', '+', '#', ';', ' ', '\0']));
    }
    if let Ok(hub) = HubName::parse(text) {
        assert_eq!(hub.as_str(), text);
        assert!(text.is_ascii() && !text.contains('.'));
    }
}
