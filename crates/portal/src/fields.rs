//! What a form or a query holds.

use axum::extract::{FromRequest, FromRequestParts, Request};
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;

/// Names and values, in the order in which they were sent. A name may stand
/// there several times, and what is missing is empty: it is the API that says
/// what must be given.
#[derive(Debug, Clone, Default)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads `name=value&...`.
    pub fn parse(encoded: &[u8]) -> Self {
        Fields(form_urlencoded::parse(encoded).into_owned().collect())
    }

    /// The value of a name, or an empty text.
    pub fn get(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    /// The value of a name without blanks around it, unless it is empty.
    pub fn given(&self, name: &str) -> Option<&str> {
        Some(self.get(name).trim()).filter(|value| !value.is_empty())
    }

    /// A text of several lines as it was typed: forms end lines with CR LF.
    pub fn text(&self, name: &str) -> String {
        self.get(name).replace("\r\n", "\n")
    }

    /// All values of a name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Whether a box is ticked.
    pub fn is_ticked(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }
}

/// What stands behind the question mark of an address.
#[derive(Debug, Clone, Default)]
pub struct Asked(pub Fields);

impl<S: Sync> FromRequestParts<S> for Asked {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let query = parts.uri.query().unwrap_or_default();
        Ok(Asked(Fields::parse(query.as_bytes())))
    }
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = StatusCode;

    /// Of a form's body, which the guard has read and limited.
    async fn from_request(request: Request, state: &S) -> Result<Self, StatusCode> {
        let body = Bytes::from_request(request, state).await;
        let body = body.map_err(|_| StatusCode::BAD_REQUEST)?;
        Ok(Fields::parse(&body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_decoded_and_may_stand_there_several_times() {
        let fields = Fields::parse(b"id=a%2Fb&id=c+d&edge=on&empty=&text=%20x%20&long=1%0D%0A2");

        assert_eq!(fields.all("id").collect::<Vec<_>>(), ["a/b", "c d"]);
        assert_eq!(fields.get("id"), "a/b");
        assert!(fields.is_ticked("edge"));
        assert!(!fields.is_ticked("other"));
        assert_eq!(fields.given("empty"), None);
        assert_eq!(fields.given("text"), Some("x"));
        assert_eq!(fields.text("long"), "1\n2");
    }
}
