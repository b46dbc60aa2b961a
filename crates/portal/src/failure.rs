//! The page of a refusal.

use askama::Template;
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;

use crate::client::ApiError;
use crate::filters;
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
    /// The page to go back to.
    back: Option<String>,
}

impl Failure {
    /// The API refused what a page needed.
    pub fn of(visit: &Visit, error: ApiError) -> Self {
        if let ApiError::Unexpected(error) = &error {
            tracing::error!(%error, "the portal could not read an answer of the API");
        }
        let code = error.code().filter(|code| !code.is_empty());
        let code = code.map(str::to_owned);
        Failure::page(visit, error.status(), &error.to_string(), code, None)
    }

    /// A form is refused before a page has read it; the sentence says why, and a
    /// link leads back.
    pub fn refused(visit: &Visit, status: StatusCode, sentence: &str, back: Option<&str>) -> Self {
        Failure::page(visit, status, sentence, None, back)
    }

    /// Something in the request does not fit; the sentence says what.
    pub fn invalid(visit: &Visit, sentence: &str) -> Self {
        Failure::page(visit, StatusCode::BAD_REQUEST, sentence, None, None)
    }

    /// What the page is about is not there; the sentence says so.
    pub fn missing(visit: &Visit, sentence: &str) -> Self {
        Failure::page(visit, StatusCode::NOT_FOUND, sentence, None, None)
    }

    fn page(
        visit: &Visit,
        status: StatusCode,
        sentence: &str,
        code: Option<String>,
        back: Option<&str>,
    ) -> Self {
        let title = match status {
            StatusCode::NOT_FOUND => "Not found",
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "Not allowed",
            _ => "That did not work",
        };
        let page = FailurePage {
            page: visit.page(Section::Overview, title),
            sentence: as_sentence(sentence),
            code,
            back: back.map(str::to_owned),
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
    Failure::missing(&visit, sentence)
}

/// The page of an address that there is, asked in a way that it does not answer.
pub async fn not_so(visit: Visit) -> Failure {
    let sentence = "this page is not asked so: open it anew, and use what is on it";
    Failure::refused(&visit, StatusCode::METHOD_NOT_ALLOWED, sentence, None)
}

/// Leads to another page after a change.
pub fn see_other(address: &str) -> Response {
    Redirect::to(address).into_response()
}

/// What the hub says begins small and ends without a full stop. A name at the
/// beginning keeps its case, as far as it can be told from a word.
pub fn as_sentence(text: &str) -> String {
    let first_word = text.split(' ').next().unwrap_or_default();
    let is_word = text.contains(' ') && first_word.chars().all(|c| c.is_alphabetic() || c == '\'');
    let mut letters = text.chars();
    let Some(first) = letters.next() else {
        return String::new();
    };
    let mut sentence: String = match is_word {
        true => first.to_uppercase().chain(letters).collect(),
        false => text.to_owned(),
    };
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
        assert_eq!(as_sentence("tags.a: is too long"), "tags.a: is too long.");
        assert_eq!(as_sentence("nope"), "nope.");
    }
}
