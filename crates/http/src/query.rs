//! Queries over REST.

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde::Deserialize;
use twinhub_core::access::ServicePermit;
use twinhub_core::query::{MAX_QUERY, Page, Paging, Queries, Query, QueryError, Rows, Select};

use crate::documents::twin::TwinDocument;
use crate::error_codes;
use crate::refusal::Refusal;
use crate::request::parse_document;
use crate::response::{Body, json};
use crate::waiting::Ends;

/// The largest body: a query with every character escaped, and what is around it.
pub const MAX_BODY: usize = 12 * MAX_QUERY + 4 * 1024;

const PAGE_SIZE: HeaderName = HeaderName::from_static("x-ms-max-item-count");
const CONTINUATION: HeaderName = HeaderName::from_static("x-ms-continuation");
const ITEM_TYPE: HeaderName = HeaderName::from_static("x-ms-item-type");

/// Of our own: a client that sends it gets the names of the columns in it.
const COLUMNS: HeaderName = HeaderName::from_static("x-twinhub-columns");

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
    let mut response = response(page)?;
    if headers.contains_key(COLUMNS)
        && let Some(columns) = columns(&question.query)?
    {
        response.headers_mut().insert(COLUMNS, columns);
    }
    Ok(response)
}

/// The names of a query's columns as JSON; nothing for whole twins. A row
/// leaves out what is undefined, so rows don't tell them.
fn columns(text: &str) -> Result<Option<HeaderValue>, QueryError> {
    let names: Vec<String> = match Query::parse(text)?.select {
        Select::All => return Ok(None),
        Select::Columns(items) | Select::Groups { items, .. } => {
            items.into_iter().map(|item| item.name).collect()
        }
    };
    let json = serde_json::Value::from(names).to_string();
    Ok(HeaderValue::try_from(ascii(&json)).ok())
}

/// JSON of which only ASCII is left: headers have no other letters.
fn ascii(json: &str) -> String {
    let mut units = [0; 2];
    let mut ascii = String::with_capacity(json.len());
    for letter in json.chars() {
        if matches!(letter, ' '..='~') {
            ascii.push(letter);
            continue;
        }
        for unit in letter.encode_utf16(&mut units) {
            ascii.push_str(&format!("\\u{unit:04x}"));
        }
    }
    ascii
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

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Option<Vec<String>> {
        let header = columns(text).unwrap()?;
        Some(serde_json::from_slice(header.as_bytes()).unwrap())
    }

    #[test]
    fn columns_are_named_in_their_order_whatever_their_letters() {
        let query = "SELECT tags.hall AS h\u{f6}he, deviceId FROM devices";

        assert_eq!(named(query).unwrap(), ["h\u{f6}he", "deviceId"]);
        assert_eq!(named("SELECT * FROM devices"), None);
        assert_eq!(ascii("\u{f6} \u{1f321}"), r"\u00f6 \ud83c\udf21");
    }
}
