//! The list of devices.

use askama::Template;
use axum::response::Response;
use http::{HeaderName, Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::filter::{self, Problem};
use super::pager::{SIZES, Wanted};
use super::row::Row;
use crate::client::{ApiError, Call};
use crate::failure::Failure;
use crate::fields::Asked;
use crate::filters;
use crate::page::{Page, Section, render_as};
use crate::refused::Refused;
use crate::turns::PATIENCE;
use crate::visit::Visit;

const PAGE_SIZE: HeaderName = HeaderName::from_static("x-ms-max-item-count");
const CONTINUATION: HeaderName = HeaderName::from_static("x-ms-continuation");
/// Conditions to begin with.
const EXAMPLES: [&str; 3] = [
    "tags.site = 'north'",
    "status = 'disabled'",
    "capabilities.iotEdge = true",
];

#[derive(Template)]
#[template(path = "devices/list.html")]
struct ListPage {
    page: Page,
    wanted: Wanted,
    rows: Vec<Row>,
    counts: Option<Counts>,
    next: Option<Wanted>,
    refused: Option<Refused>,
    problem: Option<Problem>,
}

/// How many devices the hub has.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Counts {
    total: u64,
    enabled: u64,
    disabled: u64,
    connected: u64,
}

/// A page of rows, and where the next begins.
#[derive(Debug, Default)]
struct Rows {
    rows: Vec<Row>,
    next: Option<String>,
}

impl ListPage {
    /// Whether the visitor may ask for more than the first devices.
    fn may_query(&self) -> bool {
        self.page.rights.service
    }

    fn sizes(&self) -> [usize; 3] {
        SIZES
    }

    fn examples(&self) -> Vec<(&'static str, String)> {
        let address = |filter| Wanted::filtered(filter).address();
        EXAMPLES
            .into_iter()
            .map(|filter| (filter, address(filter)))
            .collect()
    }

    fn first(&self) -> Option<Wanted> {
        self.wanted.first()
    }

    fn back(&self) -> Option<Wanted> {
        self.wanted.back()
    }
}

/// `GET /portal/devices`
pub async fn show(visit: Visit, Asked(asked): Asked) -> Result<Response, Failure> {
    let wanted = Wanted::of(&asked);
    let (found, counts) = tokio::join!(rows(&visit, &wanted), counts(&visit));
    let (found, refused) = match found {
        Ok(found) => (found, None),
        // Of the condition, or of a page that is not in the list any more.
        Err(error) if error.status() == StatusCode::BAD_REQUEST => (Rows::default(), Some(error)),
        Err(error) => return Err(visit.failed(error)),
    };
    let problem = refused
        .as_ref()
        .and_then(|error| Problem::read(&error.to_string(), &wanted.filter));
    let status = match refused {
        Some(_) => StatusCode::BAD_REQUEST,
        None => StatusCode::OK,
    };
    let page = ListPage {
        page: visit.page(Section::Devices, "Devices"),
        next: found.next.map(|from| wanted.next(&from)),
        rows: found.rows,
        wanted,
        counts,
        refused: refused.filter(|_| problem.is_none()).map(Refused::from),
        problem,
    };
    Ok(render_as(status, &page))
}

async fn rows(visit: &Visit, wanted: &Wanted) -> Result<Rows, ApiError> {
    if !visit.rights().service {
        return listed(visit, wanted).await;
    }
    let asked = queried(visit, wanted, &wanted.search, wanted.size).await;
    match asked {
        // Alone, the condition is told its places without what stands around it.
        Err(error) if error.status() == StatusCode::BAD_REQUEST && !wanted.search.is_empty() => {
            match queried(visit, wanted, "", 1).await {
                Err(alone) => Err(alone),
                Ok(_) => Err(error),
            }
        }
        asked => asked,
    }
}

async fn queried(
    visit: &Visit,
    wanted: &Wanted,
    search: &str,
    size: usize,
) -> Result<Rows, ApiError> {
    // Without a condition the list is read in its order, and only as far as it shows.
    let _turn = match wanted.filter.trim().is_empty() {
        true => None,
        false => Some(visit.turn(PATIENCE).await?),
    };
    let query = filter::query(search, &wanted.filter);
    let call = Call::data(Method::POST, ["devices", "query"])
        .header(PAGE_SIZE, &size.to_string())
        .header(CONTINUATION, &wanted.from)
        .json(&json!({ "query": query }));
    let reply = visit.call(call).await?;
    let devices: Vec<Value> = reply.read()?;
    Ok(Rows {
        rows: devices.iter().map(Row::of).collect(),
        next: reply.header(CONTINUATION.as_str()).map(str::to_owned),
    })
}

/// The first devices of the registry, or the one that is asked for.
async fn listed(visit: &Visit, wanted: &Wanted) -> Result<Rows, ApiError> {
    if wanted.search.is_empty() {
        let call = Call::get(["devices"]).query("top", &wanted.size.to_string());
        let devices: Vec<Value> = visit.call(call).await?.read()?;
        return Ok(Rows {
            rows: devices.iter().map(Row::of).collect(),
            next: None,
        });
    }
    let rows = match visit.call(Call::get(["devices", &wanted.search])).await {
        Ok(reply) => vec![Row::of(&reply.json()?)],
        // Nothing has such an ID, or nothing can have it.
        Err(error)
            if matches!(
                error.status(),
                StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST
            ) =>
        {
            Vec::new()
        }
        Err(error) => return Err(error),
    };
    Ok(Rows { rows, next: None })
}

/// The list is worth showing without them.
async fn counts(visit: &Visit) -> Option<Counts> {
    let call = Call::get(["twinhub", "v1", "status"]);
    let status = visit.call(call).await.ok()?.json().ok()?;
    serde_json::from_value(status["devices"].clone()).ok()
}
