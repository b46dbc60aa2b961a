//! What the probe's addresses stand for: `$cbs`, `$management`, two partitions.

use bytes::Bytes;
use twinhub_amqp_engine::message::{Body, Message, Properties};
use twinhub_amqp_engine::performatives::{Attach, AttachTarget, Role};
use twinhub_amqp_engine::value::{Array, Map, Symbol, Timestamp, Value};

use crate::selector;

const ENTITY: &str = "probe";
const EVENTS: i64 = 5;
/// This event is larger than a transfer frame.
const LARGE: i64 = 3;
const CREATED_AT: i64 = 1_700_000_000_000;
const RUNTIME_METRIC: Symbol = Symbol::from_static("com.microsoft:enable-receiver-runtime-metric");

/// A node that answers requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Node {
    Cbs,
    Management,
}

/// What an address leads to.
pub enum Resolved {
    Node(Node),
    Reader(Reader),
}

/// A reader's place in partition 0; partition 1 is empty.
pub struct Reader {
    next: i64,
    end: i64,
    with_metrics: bool,
}

/// Finds the node of an attach, or says why there is none.
pub fn resolve(attach: &Attach) -> Result<Resolved, String> {
    let address = match (attach.role, &attach.source, &attach.target) {
        (Role::Receiver, Some(source), _) => source.address.as_deref(),
        (Role::Sender, _, Some(AttachTarget::Node(target))) => target.address.as_deref(),
        _ => None,
    };
    let address = address.ok_or("an attach without an address")?;
    if address == "$cbs" {
        return Ok(Resolved::Node(Node::Cbs));
    }
    if address.ends_with("$management") {
        return Ok(Resolved::Node(Node::Management));
    }
    let missing = || format!("The messaging entity '{address}' could not be found.");
    let path = address.to_lowercase();
    let events = match path.split_once("/probe/consumergroups/$default/partitions/") {
        Some((_, "0")) => EVENTS,
        Some((_, "1")) => 0,
        _ => return Err(missing()),
    };
    let source = attach.source.as_ref().ok_or_else(missing)?;
    Ok(Resolved::Reader(Reader {
        next: selector::first_sequence_number(source, events)?,
        end: events,
        with_metrics: attach.desired_capabilities.contains(&RUNTIME_METRIC),
    }))
}

impl Reader {
    pub fn capabilities(&self) -> Vec<Symbol> {
        self.with_metrics
            .then_some(RUNTIME_METRIC)
            .into_iter()
            .collect()
    }

    pub fn next_event(&mut self) -> Option<Message> {
        let number = self.next;
        if number >= self.end {
            return None;
        }
        self.next += 1;
        let mut event = event(number);
        if self.with_metrics {
            event.delivery_annotations = Map::new()
                .with(symbol("last_enqueued_sequence_number"), EVENTS - 1)
                .with(symbol("last_enqueued_offset"), (EVENTS - 1).to_string())
                .with(symbol("last_enqueued_time_utc"), enqueued_at(EVENTS - 1))
                .with(
                    symbol("runtime_info_retrieval_time_utc"),
                    enqueued_at(EVENTS),
                );
        }
        Some(event)
    }
}

fn event(number: i64) -> Message {
    let filling = if number == LARGE { 5000 } else { 0 };
    let body = format!(
        "{{\"number\":{number},\"filling\":\"{}\"}}",
        "x".repeat(filling)
    );
    Message {
        message_annotations: Map::new()
            .with(symbol("x-opt-sequence-number"), number)
            .with(symbol("x-opt-offset"), number.to_string())
            .with(symbol("x-opt-enqueued-time"), enqueued_at(number))
            .with(symbol("iothub-connection-device-id"), "pump-7"),
        properties: Some(Properties {
            message_id: None,
            content_type: Some(symbol("application/json")),
            content_encoding: Some(symbol("utf-8")),
            ..Properties::default()
        }),
        application_properties: Some(Map::new().with("level", "high")),
        body: Body::Data(vec![Bytes::from(body)]),
        ..Message::default()
    }
}

fn enqueued_at(number: i64) -> Timestamp {
    Timestamp(CREATED_AT + 1000 * number)
}

/// The answer of a node to a request.
pub fn answer(node: Node, request: &Message) -> Message {
    let nothing = Map::new();
    let asked = request.application_properties.as_ref().unwrap_or(&nothing);
    let (status, description, body) = match node {
        Node::Cbs => put_token(&request.body),
        Node::Management => read(asked),
    };
    let correlation_id = request
        .properties
        .as_ref()
        .and_then(|properties| properties.message_id.clone());
    Message {
        properties: Some(Properties {
            correlation_id,
            ..Properties::default()
        }),
        application_properties: Some(
            Map::new()
                .with("status-code", status)
                .with("status-description", description),
        ),
        body: Body::Value(body),
        ..Message::default()
    }
}

/// A stand-in for verification: only the policy `probe` is let in.
fn put_token(body: &Body) -> (i32, &'static str, Value) {
    match body {
        Body::Value(Value::String(token)) if token.contains("skn=probe") => {
            (200, "OK", Value::Null)
        }
        _ => (401, "the token names no policy of this hub", Value::Null),
    }
}

fn read(asked: &Map) -> (i32, &'static str, Value) {
    let text = |key| asked.get(key).and_then(Value::as_str).unwrap_or_default();
    if text("operation") != "READ" || text("name") != ENTITY {
        return (404, "no such entity", Value::Null);
    }
    let description = match (text("type"), text("partition")) {
        ("com.microsoft:eventhub", _) => entity(),
        ("com.microsoft:partition", "0") => partition("0", EVENTS),
        ("com.microsoft:partition", "1") => partition("1", 0),
        _ => return (404, "no such partition", Value::Null),
    };
    (200, "OK", description.into())
}

fn entity() -> Map {
    Map::new()
        .with("name", ENTITY)
        .with("type", "com.microsoft:eventhub")
        .with("created_at", Timestamp(CREATED_AT))
        .with("partition_count", 2_i32)
        .with("partition_ids", Array::of_strings(["0".into(), "1".into()]))
        .with("georeplication_factor", 1_i32)
}

fn partition(id: &'static str, events: i64) -> Map {
    let last_enqueued = if events == 0 {
        Timestamp(-62_135_596_800_000)
    } else {
        enqueued_at(events - 1)
    };
    Map::new()
        .with("name", ENTITY)
        .with("type", "com.microsoft:partition")
        .with("partition", id)
        .with("begin_sequence_number", 0_i64)
        .with("last_enqueued_sequence_number", events - 1)
        .with("last_enqueued_offset", (events - 1).to_string())
        .with("last_enqueued_time_utc", last_enqueued)
        .with("is_partition_empty", events == 0)
}

fn symbol(text: &'static str) -> Symbol {
    Symbol::from_static(text)
}
