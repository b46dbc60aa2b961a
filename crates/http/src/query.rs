//! Queries over REST.

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde::Deserialize;
use twinhub_core::access::ServicePermit;
use twinhub_core::query::{MAX_QUERY, Page, Paging, Queries, Rows};

use crate::documents::twin::TwinDocument;
use crate::error_codes;
use crate::methods::Ends;
use crate::refusal::Refusal;
use crate::request::parse_document;
use crate::response::{Body, json};

/// The largest body: a query with every character escaped, and what is around it.
pub const MAX_BODY: usize = 12 * MAX_QUERY + 4 * 1024;

const PAGE_SIZE: HeaderName = HeaderName::from_static("x-ms-max-item-count");
const CONTINUATION: HeaderName = HeaderName::from_static("x-ms-continuation");
const ITEM_TYPE: HeaderName = HeaderName::from_static("x-ms-item-type");

#[derive(Debug, Deserialize)]
struct Question {
    query: String,
}

/// `POST /devices/query`
///
/// The caller's going away, and the hub's stopping, end the search.
pub async fn answer(
    queries: &Queries,
    permit: &ServicePermit,
    headers: &HeaderMap,
    body: &[u8],
    ends: Ends,
) -> Result<Response<Body>, Refusal> {
    let question: Question = parse_document(body)?;
    let paging = Paging {
        size: page_size(headers)?,
        continuation: continuation(headers)?,
    };
    let page = tokio::select! {
        biased;
        ended = ends.either() => return Err(ended),
        page = queries.page(permit, &question.query, paging) => page?,
    };
    response(page)
}

/// What is below 1 stands for the usual size, as clients have it.
fn page_size(headers: &HeaderMap) -> Result<Option<usize>, Refusal> {
    let Some(value) = headers.get(PAGE_SIZE) else {
        return Ok(None);
    };
    let size = value
        .to_str()
        .ok()
        .and_then(|size| size.trim().parse().ok());
    let size: i64 = size.ok_or_else(|| {
        Refusal::invalid("header x-ms-max-item-count must be a whole number of rows")
    })?;
    Ok(usize::try_from(size).ok().filter(|size| *size > 0))
}

/// An empty token is none.
fn continuation(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let Some(value) = headers.get(CONTINUATION) else {
        return Ok(None);
    };
    let token = value
        .to_str()
        .map_err(|_| Refusal::invalid("header x-ms-continuation is no continuation token"))?;
    Ok(Some(token).filter(|token| !token.is_empty()))
}

fn response(page: Page) -> Result<Response<Body>, Refusal> {
    let (mut response, item_type) = match page.rows {
        Rows::Twins(twins) => {
            let twins: Vec<_> = twins.into_iter().map(TwinDocument::of).collect();
            (json(StatusCode::OK, &twins), "Twin")
        }
        Rows::Raw(rows) => (json(StatusCode::OK, &rows), "Raw"),
    };
    let headers = response.headers_mut();
    headers.insert(ITEM_TYPE, HeaderValue::from_static(item_type));
    if let Some(token) = page.continuation {
        let token = HeaderValue::try_from(token).map_err(|error| {
            tracing::error!(%error, "a continuation token does not fit into a header");
            Refusal::new(error_codes::SERVER_ERROR, "the page has no continuation")
        })?;
        headers.insert(CONTINUATION, token);
    }
    Ok(response)
}
