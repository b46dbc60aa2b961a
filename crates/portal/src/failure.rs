//! The page of a refusal.

use askama::Template;
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;

use crate::client::ApiError;
use crate::page::{Page, Section, render_as};
use crate::visit::Visit;

/// Why a page is not shown. Handlers return it with `?`; it needs the visit for
/// the frame around it: `visit.call(..).await.map_err(|error| visit.failed(error))?`,
/// or `Failure::of(&visit, error)`.
#[derive(Debug)]
pub struct Failure(Box<Response>);

#[derive(Template)]
#[template(path = "failure.html")]
struct FailurePage {
    page: Page,
    sentence: String,
    code: Option<String>,
}

impl Failure {
    /// The API refused what a page needed.
    pub fn of(visit: &Visit, error: ApiError) -> Self {
        if let ApiError::Unexpected(error) = &error {
            tracing::error!(%error, "the portal could not read an answer of the API");
        }
        let code = error.code().filter(|code| !code.is_empty());
        let code = code.map(str::to_owned);
        Failure::page(visit, error.status(), &error.to_string(), code)
    }

    /// Something in the request does not fit; the sentence says what.
    pub fn invalid(visit: &Visit, sentence: &str) -> Self {
        Failure::page(visit, StatusCode::BAD_REQUEST, sentence, None)
    }

    /// What the page is about is not there; the sentence says so.
    pub fn missing(visit: &Visit, sentence: &str) -> Self {
        Failure::page(visit, StatusCode::NOT_FOUND, sentence, None)
    }

    fn page(visit: &Visit, status: StatusCode, sentence: &str, code: Option<String>) -> Self {
        let title = match status {
            StatusCode::NOT_FOUND => "Not found",
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "Not allowed",
            _ => "That did not work",
        };
        let page = FailurePage {
            page: visit.page(Section::Overview, title),
            sentence: as_sentence(sentence),
            code,
        };
        Failure(Box::new(render_as(status, &page)))
    }
}

impl Visit {
    /// For `map_err`: the page of a refusal.
    pub fn failed(&self, error: ApiError) -> Failure {
        Failure::of(self, error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        *self.0
    }
}

/// The page of an address that nothing is at.
pub async fn not_found(visit: Visit) -> Failure {
    let sentence = "there is no page at this address: the navigation leads to those that there are";
    Failure::page(&visit, StatusCode::NOT_FOUND, sentence, None)
}

/// Leads to another page after a change.
pub fn see_other(address: &str) -> Response {
    Redirect::to(address).into_response()
}

/// What the hub says begins small and ends without a full stop.
pub fn as_sentence(text: &str) -> String {
    let mut letters = text.chars();
    let Some(first) = letters.next() else {
        return String::new();
    };
    let mut sentence: String = first.to_uppercase().chain(letters).collect();
    if !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_hub_says_becomes_a_sentence() {
        assert_eq!(as_sentence("no such device"), "No such device.");
        assert_eq!(as_sentence("Done."), "Done.");
        assert_eq!(as_sentence(""), "");
    }
}
