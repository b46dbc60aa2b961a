//! What is asked: a query, and how its answer is wanted.

use http::{HeaderName, Method};
use serde_json::json;

use crate::client::{Call, encoded};
use crate::fields::Fields;

/// How many rows a page may have.
pub const SIZES: [&str; 4] = ["20", "50", "100", "200"];
/// How many it has unless another number is chosen.
const USUAL_SIZE: &str = "100";
/// The longest address that every browser, proxy and chat program takes.
const MAX_ADDRESS: usize = 2_000;
/// What stands in the editor before anything is asked.
const FIRST: &str = "SELECT * FROM devices";

const PAGE_SIZE: HeaderName = HeaderName::from_static("x-ms-max-item-count");
const CONTINUATION: HeaderName = HeaderName::from_static("x-ms-continuation");
const COLUMNS: HeaderName = HeaderName::from_static("x-twinhub-columns");

/// How an answer is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// Rows and columns.
    Table,
    /// As the API answers.
    Json,
}

/// A query, and how its answer is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The query.
    pub query: String,
    /// How many rows a page has.
    pub size: String,
    /// How it is shown.
    pub view: View,
    /// What came with the page before.
    pub after: Option<String>,
}

impl Question {
    /// Reads a form or an address.
    pub fn of(fields: &Fields) -> Self {
        // A page of more would be too heavy; files have all.
        let size = fields.given("size").filter(|size| SIZES.contains(size));
        // A button says what is wanted now, the form what it was.
        let view = fields.given("as").or(fields.given("view"));
        Question {
            query: fields.text("query"),
            size: size.unwrap_or(USUAL_SIZE).to_owned(),
            view: match view {
                Some("json") => View::Json,
                _ => View::Table,
            },
            after: fields.given("after").map(str::to_owned),
        }
    }

    /// The question about a query, with all else as usual.
    pub fn about(query: &str) -> Self {
        Question {
            query: query.to_owned(),
            size: USUAL_SIZE.to_owned(),
            view: View::Table,
            after: None,
        }
    }

    /// What stands in the editor.
    pub fn text(&self) -> &str {
        if self.query.is_empty() {
            FIRST
        } else {
            &self.query
        }
    }

    /// Whether JSON is shown.
    pub fn is_json(&self) -> bool {
        self.view == View::Json
    }

    /// The address of this question, if it is short enough for one.
    pub fn address(&self) -> Option<String> {
        self.address_at("/portal/query")
    }

    /// The address of the file with the whole answer, if it fits into one.
    pub fn download(&self, format: &str) -> Option<String> {
        let whole = Question::about(&self.query);
        let address = whole.address_at("/portal/query/download")?;
        Some(format!("{address}&as={format}"))
    }

    fn address_at(&self, path: &str) -> Option<String> {
        let mut address = format!("{path}?query={}", encoded(&self.query));
        let mut add = |name: &str, value: &str| {
            address.push_str(&format!("&{name}={}", encoded(value)));
        };
        if self.size != USUAL_SIZE {
            add("size", &self.size);
        }
        if self.is_json() {
            add("view", "json");
        }
        if let Some(after) = &self.after {
            add("after", after);
        }
        (address.len() <= MAX_ADDRESS).then_some(address)
    }

    /// The same, shown otherwise.
    pub fn shown_as(&self, view: View) -> Self {
        Question {
            view,
            ..self.clone()
        }
    }

    /// The same as a table.
    pub fn as_table(&self) -> Self {
        self.shown_as(View::Table)
    }

    /// The same as JSON.
    pub fn as_json(&self) -> Self {
        self.shown_as(View::Json)
    }

    /// The page that a continuation leads to.
    pub fn after(&self, continuation: &str) -> Self {
        Question {
            after: Some(continuation.to_owned()),
            ..self.clone()
        }
    }

    /// The first page.
    pub fn first_page(&self) -> Self {
        Question {
            after: None,
            ..self.clone()
        }
    }

    /// The call that answers it.
    pub fn call(&self) -> Call {
        let call = Call::data(Method::POST, ["devices", "query"])
            .json(&json!({ "query": self.query }))
            .header(PAGE_SIZE, &self.size)
            .header(COLUMNS, "wanted");
        match &self.after {
            Some(after) => call.header(CONTINUATION, after),
            None => call,
        }
    }

    /// The call that reads as many rows at once as there can be.
    pub fn call_for_all(&self) -> Call {
        let largest = Question {
            size: "1000".to_owned(),
            ..self.clone()
        };
        largest.call()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str) -> Question {
        Question::of(&Fields::parse(query.as_bytes()))
    }

    #[test]
    fn a_short_question_has_an_address_that_asks_the_same() {
        let question = of("query=SELECT+*%0D%0AFROM+devices&size=20&as=json&view=table&after=abc");

        let address = question.address().unwrap();

        assert_eq!(question.query, "SELECT *\nFROM devices");
        assert_eq!(of(address.split_once('?').unwrap().1), question);
        assert_eq!(of("query=x").address().unwrap(), "/portal/query?query=x");
    }

    #[test]
    fn a_long_question_has_none() {
        let long = Question::about(&"x".repeat(MAX_ADDRESS));

        assert_eq!(long.address(), None);
        assert_eq!(long.download("csv"), None);
    }

    #[test]
    fn a_page_has_no_more_rows_than_it_can_bear() {
        assert_eq!(of("query=x&size=200").size, "200");
        assert_eq!(of("query=x&size=1000").size, USUAL_SIZE);
        assert_eq!(of("query=x&size=many").size, USUAL_SIZE);
    }

    #[test]
    fn a_file_has_the_whole_answer_whatever_page_is_shown() {
        let address = of("query=x&after=abc&size=20").download("csv");

        assert_eq!(address.unwrap(), "/portal/query/download?query=x&as=csv");
    }
}
