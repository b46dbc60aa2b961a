//! One event with all that it carries.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
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
use crate::files::{file, json_file};
use crate::filters;
use crate::page::{Page, Section, render};
use crate::pretty::{beginning, html_size, indented};
use crate::visit::Visit;

/// How long the hub may take to find an event.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many bytes of HTML an event may take as JSON on its page; longer ones
/// are downloaded.
const MAX_JSON: usize = 30_000;
/// How many a table of its properties may take.
const MAX_PROPERTIES: usize = 15_000;
/// How many a row of it takes besides name and value.
const ROW: usize = 30;
/// A file of more than this is not laid out.
const MAX_LAID_OUT: usize = 1_000_000;

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
            json: whole(json, MAX_JSON),
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

/// JSON laid out, unless that is longer than so many bytes of HTML.
fn whole(json: &str, budget: usize) -> Option<String> {
    let laid_out = indented(json, budget);
    (!laid_out.is_cut).then_some(laid_out.text)
}

/// Names and values under a heading.
struct PropertyTable<'e> {
    title: &'static str,
    rows: Vec<(&'e str, String)>,
    /// Whether there is more than is shown.
    is_cut: bool,
}

impl<'e> PropertyTable<'e> {
    fn of(title: &'static str, properties: &'e Map<String, Value>) -> Self {
        let mut table = PropertyTable {
            title,
            rows: Vec::new(),
            is_cut: false,
        };
        let mut left = MAX_PROPERTIES;
        for (name, value) in properties {
            let value = plain(value);
            let Some(rest) = left.checked_sub(ROW + html_size(name)) else {
                table.is_cut = true;
                break;
            };
            let shown = beginning(&value, rest);
            left = rest - html_size(&shown.text);
            table.is_cut |= shown.is_cut;
            table.rows.push((name, shown.text));
        }
        table
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
        "json" => Ok(json_file(
            &format!("{name}.json"),
            whole(&json, MAX_LAID_OUT).unwrap_or(json),
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
    fn an_event_that_would_make_a_heavy_page_is_cut() {
        let mut document = event("", &b"<".repeat(100_000));
        let long = Value::from("<".repeat(100_000));
        document.properties.insert("long".to_owned(), long);
        let json = format!("[\"{}\"]", "<".repeat(100_000));

        let view = EventView::of(&json, document);

        assert!(view.body.is_cut);
        assert_eq!(view.json, None);
        let [own, ..] = view.tables();
        assert!(own.is_cut);
        let html = own.rows.iter().map(|(_, value)| html_size(value));
        assert!(html.sum::<usize>() <= MAX_PROPERTIES);
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
