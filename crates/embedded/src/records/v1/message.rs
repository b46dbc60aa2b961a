//! Messages in queues, of format 1: properties as JSON, the body as it is.

use serde::{Deserialize, Serialize};
use twinhub_core::messages::{Message, SystemProperty};

use super::FORMAT;
use crate::records::{MessageRow, from_json, to_json};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Properties {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    system: Vec<(System, Box<str>)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    application: Vec<(Box<str>, Option<Box<str>>)>,
}

macro_rules! system_properties {
    ($($name:ident),+) => {
        #[derive(Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum System { $($name),+ }

        impl System {
            fn of(property: SystemProperty) -> Self {
                match property { $(SystemProperty::$name => System::$name),+ }
            }

            fn into_core(self) -> SystemProperty {
                match self { $(System::$name => SystemProperty::$name),+ }
            }
        }
    };
}

system_properties!(
    MessageId,
    CorrelationId,
    UserId,
    To,
    ContentType,
    ContentEncoding,
    AbsoluteExpiry,
    CreationTime,
    OutputName,
    Component,
    InterfaceId,
    Schema,
    Acknowledgement,
    Operation,
    DiagnosticId,
    CorrelationContext,
    ModelId
);

pub(crate) fn encode_message(message: &Message) -> MessageRow {
    let system = message.system.iter();
    let properties = Properties {
        system: system
            .map(|(property, value)| (System::of(*property), value.clone()))
            .collect(),
        application: message.application.clone(),
    };
    MessageRow {
        format: FORMAT,
        properties: to_json(&properties),
        body: message.body.clone(),
    }
}

pub(crate) fn decode_message(row: &MessageRow) -> Option<Message> {
    let properties: Properties = from_json(&row.properties)?;
    let system = properties.system.into_iter();
    Some(Message {
        system: system
            .map(|(property, value)| (property.into_core(), value))
            .collect(),
        application: properties.application,
        body: row.body.clone(),
    })
}
