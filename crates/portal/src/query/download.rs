//! All pages of an answer as a file.
//!
//! It is written page by page as the browser takes it, so that one page is in
//! memory at a time, however many rows there are. What can't be read to its
//! end is cut off as a broken transfer, not ended as if it were whole. So is
//! what goes on behind the end of its session.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use http::{StatusCode, header};
use serde_json::value::RawValue;

use super::answer::{Columns, Row};
use super::csv;
use super::question::Question;
use crate::client::{ApiError, Reply};
use crate::failure::Failure;
use crate::fields::{Asked, Fields};
use crate::portal::Inner;
use crate::turns::{LONG_PATIENCE, PATIENCE};
use crate::visit::Visit;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    Json,
}

impl Format {
    fn of(fields: &Fields) -> Self {
        match fields.get("as") {
            "json" => Format::Json,
            _ => Format::Csv,
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Format::Csv => "text/csv; charset=utf-8",
            Format::Json => "application/json; charset=utf-8",
        }
    }

    fn disposition(self) -> &'static str {
        match self {
            Format::Csv => "attachment; filename=\"query.csv\"",
            Format::Json => "attachment; filename=\"query.json\"",
        }
    }
}

/// `GET /portal/query/download?query=&as=`
pub async fn get(
    visit: Visit,
    State(portal): State<Inner>,
    Asked(asked): Asked,
) -> Result<Response, Failure> {
    file(visit, portal, &asked).await
}

/// `POST /portal/query/download`
pub async fn post(
    visit: Visit,
    State(portal): State<Inner>,
    fields: Fields,
) -> Result<Response, Failure> {
    file(visit, portal, &fields).await
}

/// The first page is read before anything is written: what is refused is told.
async fn file(visit: Visit, portal: Inner, fields: &Fields) -> Result<Response, Failure> {
    let question = Question::of(fields).first_page();
    let turn = visit.turn(PATIENCE).await;
    let _turn = turn.map_err(|error| visit.failed(error))?;
    let first = visit.call(question.call_for_all()).await;
    let first = first.map_err(|error| visit.failed(error))?;
    let format = Format::of(fields);
    let writing = Writing {
        columns: Columns::of(&first),
        format,
        has_rows: false,
        visit,
        portal,
        question,
        step: Step::Page(first),
    };
    let headers = [
        (header::CONTENT_TYPE, format.content_type()),
        (header::CONTENT_DISPOSITION, format.disposition()),
    ];
    let pieces = stream::unfold(writing, |mut writing| async {
        let piece = writing.next().await?;
        Some((piece, writing))
    });
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// What is written next.
enum Step {
    /// A page that was read.
    Page(Reply),
    /// The page that a continuation leads to.
    After(String),
    /// Nothing.
    Over,
}

struct Writing {
    visit: Visit,
    portal: Inner,
    question: Question,
    columns: Columns,
    format: Format,
    has_rows: bool,
    step: Step,
}

impl Writing {
    async fn next(&mut self) -> Option<Result<Bytes, ApiError>> {
        let (reply, is_first) = match std::mem::replace(&mut self.step, Step::Over) {
            Step::Over => return None,
            Step::Page(reply) => (Ok(reply), true),
            Step::After(continuation) => {
                let question = self.question.after(&continuation);
                (self.read(&question).await, false)
            }
        };
        let piece = reply.and_then(|reply| self.piece(&reply, is_first));
        if let Err(error) = &piece {
            tracing::warn!(%error, "an answer to a query could not be downloaded to its end");
        }
        Some(piece)
    }

    /// The next page, if who asked is still signed in.
    async fn read(&self, question: &Question) -> Result<Reply, ApiError> {
        let id = self.visit.session().id().expose();
        if self.portal.sessions.find(id).is_none() {
            return Err(ApiError::Refused {
                status: StatusCode::UNAUTHORIZED,
                code: String::new(),
                message: "the session has ended".to_owned(),
            });
        }
        let _turn = self.visit.turn(LONG_PATIENCE).await?;
        self.visit.call(question.call_for_all()).await
    }

    fn piece(&mut self, reply: &Reply, is_first: bool) -> Result<Bytes, ApiError> {
        let next = reply.header("x-ms-continuation").map(str::to_owned);
        let text = match self.format {
            Format::Csv => self.csv(reply, is_first)?,
            Format::Json => self.json(reply, is_first, next.is_none())?,
        };
        self.step = next.map_or(Step::Over, Step::After);
        Ok(text.into())
    }

    fn csv(&self, reply: &Reply, is_first: bool) -> Result<String, ApiError> {
        let rows: Vec<Row> = reply.read()?;
        let mut text = match is_first {
            true => csv::head(&self.columns),
            false => String::new(),
        };
        text.extend(rows.iter().map(|row| csv::row(&self.columns, row)));
        Ok(text)
    }

    /// A row a line, as it came.
    fn json(&mut self, reply: &Reply, is_first: bool, is_last: bool) -> Result<String, ApiError> {
        let rows: Vec<Box<RawValue>> = reply.read()?;
        let mut text = String::with_capacity(reply.body.len() + 16);
        if is_first {
            text.push('[');
        }
        for row in &rows {
            text.push_str(if self.has_rows { ",\n" } else { "\n" });
            text.push_str(row.get());
            self.has_rows = true;
        }
        if is_last {
            text.push_str("\n]\n");
        }
        Ok(text)
    }
}
