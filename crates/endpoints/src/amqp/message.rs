//! An event as a message of AMQP: the body as one data section.
//!
//! An event hub gets what the hub knows as annotations and the device as the
//! key of its partition, as readers of the built-in endpoint do; queues and
//! topics, whose receivers see no annotations, as application properties. No
//! sender can forge those: what the hub knows stands.
//! <https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-messages-construct>

use fe2o3_amqp::types::messaging::{
    ApplicationProperties, Data, Header, Message, MessageAnnotations, MessageId, Properties,
};
use fe2o3_amqp::types::primitives::{Binary, SimpleValue, Symbol, Timestamp, Value};
use twinhub_core::events::EventRef;
use twinhub_core::messages::SystemProperty;
use twinhub_core::routing::AmqpKind;

const PARTITION_KEY: &str = "x-opt-partition-key";
const ENQUEUED: &str = "iothub-enqueuedtime";

pub(super) fn of(event: &EventRef<'_>, kind: AmqpKind) -> Message<Data> {
    // Brokers may keep what is not said to be durable in memory alone, and
    // accept it.
    let header = Header {
        durable: true,
        ..Header::default()
    };
    let message = Message::builder().header(header);
    let message = message.properties(properties(event, kind));
    let application = event.application().map(|(name, value)| {
        let value = value.map_or(SimpleValue::Null, |value| value.to_owned().into());
        (name.to_owned(), value)
    });
    let body = Data(Binary::from(event.body().to_vec()));
    let message = match kind {
        AmqpKind::EventHub => {
            let known = known(event).into_iter();
            let known = known.map(|(name, value)| (name, Value::from(value)));
            let enqueued = Timestamp::from(event.enqueued.unix_millis());
            let stamps = [
                (PARTITION_KEY, Value::from(event.device.to_owned())),
                (ENQUEUED, Value::from(enqueued)),
            ];
            let mut annotations = MessageAnnotations::default();
            for (name, value) in known.chain(stamps) {
                annotations.insert(Symbol::from(name).into(), value);
            }
            message
                .message_annotations(annotations)
                .application_properties(collected(application))
        }
        AmqpKind::ServiceBusQueue | AmqpKind::ServiceBusTopic | AmqpKind::Queue => {
            let user = event.system_property(SystemProperty::UserId);
            let user = user.filter(|_| !takes_user(kind)).map(str::to_owned);
            let user = user.map(|user| (SystemProperty::UserId.name(), user));
            let known = known(event).into_iter().chain(user);
            let known = known.map(|(name, value)| (name.to_owned(), SimpleValue::from(value)));
            message.application_properties(collected(application.chain(known)))
        }
    };
    message.body(body).build()
}

/// Of a name that occurs twice the last counts.
fn collected(pairs: impl Iterator<Item = (String, SimpleValue)>) -> ApplicationProperties {
    let mut properties = ApplicationProperties::default();
    for (name, value) in pairs {
        properties.insert(name, value);
    }
    properties
}

/// What the hub knows of an event's origin.
fn known(event: &EventRef<'_>) -> Vec<(&'static str, String)> {
    let text = |name, value: Option<&str>| value.map(|value| (name, value.to_owned()));
    let generation = event.generation.ticks().to_string();
    let method = event.auth_method.map(|method| method.to_json());
    let of = |property| event.system_property(property);
    [
        text("iothub-connection-device-id", Some(event.device)),
        text("iothub-connection-module-id", event.module),
        text("iothub-connection-auth-generation-id", Some(&generation)),
        method.map(|method| ("iothub-connection-auth-method", method)),
        text(
            "dt-dataschema",
            event.model_id.or(of(SystemProperty::ModelId)),
        ),
        text("dt-subject", of(SystemProperty::Component)),
        text("iothub-message-source", Some(event.source.name())),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Whether the broker takes the user that an event names. Those that are not
/// Azure's may compare it with whoever has logged in, and refuse another:
/// <https://www.rabbitmq.com/docs/validated-user-id>
fn takes_user(kind: AmqpKind) -> bool {
    kind != AmqpKind::Queue
}

fn properties(event: &EventRef<'_>, kind: AmqpKind) -> Properties {
    let of = |property| event.system_property(property);
    let text = |property| of(property).map(str::to_owned);
    // There are no symbols but in ASCII.
    let symbol = |property| {
        let symbol = of(property).filter(|value| value.is_ascii());
        symbol.map(Symbol::from)
    };
    let mut properties = Properties::new();
    properties.message_id = text(SystemProperty::MessageId).map(MessageId::from);
    properties.correlation_id = text(SystemProperty::CorrelationId).map(MessageId::from);
    let user = text(SystemProperty::UserId).filter(|_| takes_user(kind));
    properties.user_id = user.map(|user| Binary::from(user.into_bytes()));
    properties.to = text(SystemProperty::To);
    properties.content_type = symbol(SystemProperty::ContentType);
    properties.content_encoding = symbol(SystemProperty::ContentEncoding);
    properties
}
