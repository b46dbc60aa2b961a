//! One event with all that it carries.

use askama::Template;
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Map, Value};
use tokio::time::{Duration, timeout};

use crate::client::{ApiError, Call};
use crate::device::Target;
use crate::events::body::{Kind, ShownBody};
use crate::events::document::{EventDocument, source_label};
use crate::events::row;
use crate::events::sse::Messages;
use crate::failure::Failure;
use crate::fields::Asked;
use crate::page::{Page, Section, render};
use crate::pretty::indented;
use crate::visit::Visit;

/// How long the hub may take to find an event.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest event that is on its page as JSON, too; others are downloaded.
const MAX_JSON: usize = 48 * 1024;

#[derive(Template)]
#[template(path = "events/event.html")]
struct EventPage {
    page: Page,
    event: EventView,
}

/// What the page shows.
struct EventView {
    document: EventDocument,
    body: ShownBody,
    json: Option<String>,
    address: String,
}

impl EventView {
    fn of(json: &str, document: EventDocument) -> Self {
        EventView {
            body: ShownBody::of(&document.bytes()),
            json: (json.len() <= MAX_JSON).then(|| indented(json)),
            address: row::address(document.partition, document.sequence_number),
            document,
        }
    }

    fn source(&self) -> &str {
        source_label(&self.document.source)
    }

    /// The page of whose it is.
    fn sender(&self) -> String {
        let device = &self.document.device_id;
        let target = match &self.document.module_id {
            Some(module) => Target::module(device, module),
            None => Target::device(device),
        };
        target.page("")
    }

    /// What can be said of a body that queries of routes can't see.
    fn hint(&self) -> Option<&'static str> {
        let says = |property: &str, wanted: &str| {
            let value = self.document.system_properties.get(property);
            let value = value.and_then(Value::as_str).unwrap_or_default();
            value.eq_ignore_ascii_case(wanted)
        };
        let is_said = says("content-type", "application/json") && says("content-encoding", "utf-8");
        (self.body.kind == Kind::Json && !is_said).then_some(
            "The sender does not say that this is JSON (content type application/json, \
             content encoding utf-8), so routes can't ask for what is in it.",
        )
    }

    fn tables(&self) -> [PropertyTable<'_>; 3] {
        [
            PropertyTable::of("Application properties", &self.document.properties),
            PropertyTable::of("System properties", &self.document.system_properties),
            PropertyTable::of("Stamped by the hub", &self.document.annotations),
        ]
    }
}

/// Names and values under a heading.
struct PropertyTable<'e> {
    title: &'static str,
    rows: Vec<(&'e str, String)>,
}

impl<'e> PropertyTable<'e> {
    fn of(title: &'static str, properties: &'e Map<String, Value>) -> Self {
        let row = |(name, value): (&'e String, &Value)| (name.as_str(), plain(value));
        PropertyTable {
            title,
            rows: properties.iter().map(row).collect(),
        }
    }
}

/// A property without a value is there, too.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "(no value)".to_owned(),
        other => other.to_string(),
    }
}

/// `GET /portal/events/event?partition=&sequenceNumber=`; with `as=json` or
/// `as=body` the file instead of the page.
pub async fn show(visit: Visit, Asked(asked): Asked) -> Result<Response, Failure> {
    let (partition, number) = (asked.get("partition"), asked.get("sequenceNumber"));
    let json = read(&visit, partition, number).await;
    let json = json.map_err(|error| visit.failed(error))?;
    let document: EventDocument =
        serde_json::from_str(&json).map_err(|error| visit.failed(ApiError::Unexpected(error)))?;
    if document.sequence_number.to_string() != number {
        return Err(visit.failed(gone()));
    }
    let name = format!("event-{}-{}", document.partition, document.sequence_number);
    match asked.get("as") {
        "json" => Ok(file(
            &format!("{name}.json"),
            "application/json",
            indented(&json).into(),
        )),
        "body" => Ok(file(&name, "application/octet-stream", document.bytes())),
        _ => Ok(render(&EventPage {
            page: visit.page(
                Section::Events,
                format!("Event {number} of partition {partition}"),
            ),
            event: EventView::of(&json, document),
        })),
    }
}

/// The first event from a place on, as the API writes it.
async fn read(visit: &Visit, partition: &str, number: &str) -> Result<String, ApiError> {
    let call = Call::get(["twinhub", "v1", "events"])
        .query("partition", partition)
        .query("sequenceNumber", number)
        .query("max", "1")
        .query("until", "latest");
    let mut body = visit.client().stream(call).await?.into_body();
    let reading = async {
        let mut messages = Messages::default();
        while let Some(Ok(frame)) = body.frame().await {
            messages.push(&frame.into_data().unwrap_or_default()).ok()?;
            let mut complete = messages.complete().into_iter();
            if let Some(data) = complete.find_map(|message| message.data) {
                return Some(data);
            }
        }
        None
    };
    let found = timeout(PATIENCE, reading).await.ok().flatten();
    found.ok_or_else(gone)
}

fn gone() -> ApiError {
    ApiError::Refused {
        status: StatusCode::NOT_FOUND,
        code: String::new(),
        message: "there is no such event any more: the hub keeps events for as long as its \
                  retention says"
            .to_owned(),
    }
}

/// Names are of letters and digits here.
fn file(name: &str, content_type: &'static str, content: Vec<u8>) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers = [
        (header::CONTENT_TYPE, content_type.to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    (headers, content).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::document::tests::event;

    #[test]
    fn a_body_that_routes_cant_see_is_told_of() {
        let hint = |content_type: &str, body: &[u8]| {
            let mut document = event(content_type, body);
            let encoding = Value::from("UTF-8");
            document
                .system_properties
                .insert("content-encoding".to_owned(), encoding);
            EventView::of("{}", document).hint().is_some()
        };

        assert!(hint("text/plain", b"{}"));
        assert!(!hint("Application/JSON", b"{}"));
        assert!(!hint("text/plain", b"hello"));
    }

    #[test]
    fn properties_without_value_are_shown() {
        let view = EventView::of("{}", event("", b""));

        let [own, ..] = view.tables();
        assert_eq!(
            own.rows,
            [("bare", "(no value)".to_owned()), ("hall", "7".to_owned())]
        );
    }
}
