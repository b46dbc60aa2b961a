//! Twins that were changed: the parts that a patch names, or the whole twin.

use serde_json::{Map, Value, json};

use super::event::Kind;
use super::lifecycle;
use super::teller::TwinPart;
use crate::events::EventSource;
use crate::twins::Twin;

pub(super) fn kind(operation: &'static str) -> Kind {
    Kind {
        source: EventSource::TwinChange,
        content_type: "application/json",
        schema: "twinChangeNotification",
        operation,
    }
}

/// Of a twin that patches were merged into: what they said, null for what
/// they removed, with the metadata of that.
pub(super) fn updated(twin: &Twin, parts: &[TwinPart<'_>]) -> Value {
    let mut body = Map::new();
    let mut properties = Map::new();
    for part in parts {
        match part {
            TwinPart::Tags(patch) => {
                body.insert("tags".to_owned(), Value::Object((*patch).clone()));
            }
            TwinPart::Desired(patch) => {
                properties.insert("desired".to_owned(), twin.desired.change_for_service(patch));
            }
            TwinPart::Reported(patch) => {
                properties.insert(
                    "reported".to_owned(),
                    twin.reported.change_for_service(patch),
                );
            }
        }
    }
    body.insert("version".to_owned(), json!(twin.version));
    if !properties.is_empty() {
        body.insert("properties".to_owned(), Value::Object(properties));
    }
    Value::Object(body)
}

/// A twin of which whole parts were replaced.
pub(super) fn replaced(twin: &Twin) -> Value {
    let mut body = lifecycle::named(twin);
    body.insert("tags".to_owned(), Value::Object(twin.tags.clone()));
    let properties =
        json!({"desired": twin.desired.for_service(), "reported": twin.reported.for_service()});
    body.insert("properties".to_owned(), properties);
    Value::Object(body)
}
