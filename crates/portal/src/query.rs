//! Queries over twins: asked, shown as a table or as JSON, paged, downloaded.
//!
//! A short query stands in the address, so that its answer can be linked;
//! others are posted.
//!
//! | Module | What it holds |
//! |---|---|
//! | `question` | what is asked, as form, address and call |
//! | `answer` | a page of rows, as cells under columns |
//! | `place` | where a query goes wrong |
//! | `download`, `csv` | all pages as a file |
//! | `examples` | queries to begin with |

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use tokio::time::Instant;

use crate::client::ApiError;
use crate::failure::see_other;
use crate::fields::{Asked, Fields};
use crate::filters;
use crate::page::{Page, Section, render_as};
use crate::pretty::Shown;
use crate::refused::Refused;
use crate::turns::PATIENCE;
use crate::visit::Visit;

use self::answer::Answer;
use self::examples::EXAMPLES;
use self::place::Place;
use self::question::{Question, SIZES};

mod answer;
mod csv;
mod download;
mod examples;
mod place;
mod question;

/// The pages.
pub fn routes() -> Router<crate::portal::Inner> {
    Router::new()
        .route("/portal/query", get(show).post(ask))
        .route(
            "/portal/query/download",
            get(download::get).post(download::post),
        )
}

#[derive(Template)]
#[template(path = "query/page.html")]
struct QueryPage {
    page: Page,
    question: Question,
    answered: Option<Answered>,
    wrong: Option<Wrong>,
}

/// A page of an answer, and how long it took.
struct Answered {
    answer: Answer,
    /// The same as JSON, if that is what is shown.
    json: Option<Shown>,
    milliseconds: u128,
}

/// Why there is no answer.
struct Wrong {
    refused: Refused,
    place: Option<Place>,
}

impl Wrong {
    fn of(refused: Refused, query: &str) -> Self {
        Wrong {
            place: Place::told(&refused.sentence, query),
            refused,
        }
    }
}

impl QueryPage {
    fn status(&self) -> StatusCode {
        let wrong = self.wrong.as_ref();
        wrong.map_or(StatusCode::OK, |wrong| wrong.refused.status)
    }
}

/// `GET /portal/query?query=`
async fn show(visit: Visit, Asked(asked): Asked) -> Response {
    answered(&visit, Question::of(&asked)).await
}

/// `POST /portal/query`: leads to the address of what is asked if it fits.
async fn ask(visit: Visit, fields: Fields) -> Response {
    let question = Question::of(&fields);
    match question.address() {
        Some(address) => see_other(&address),
        None => answered(&visit, question).await,
    }
}

async fn answered(visit: &Visit, question: Question) -> Response {
    let mut page = QueryPage {
        page: visit.page(Section::Query, "Query"),
        question,
        answered: None,
        wrong: None,
    };
    if !page.question.query.trim().is_empty() {
        let begun = Instant::now();
        match answer(visit, &page.question).await {
            Ok((answer, json)) => {
                page.answered = Some(Answered {
                    answer,
                    json,
                    milliseconds: begun.elapsed().as_millis(),
                });
            }
            Err(error) => page.wrong = Some(Wrong::of(error.into(), &page.question.query)),
        }
    }
    render_as(page.status(), &page)
}

async fn answer(visit: &Visit, question: &Question) -> Result<(Answer, Option<Shown>), ApiError> {
    let _turn = visit.turn(PATIENCE).await?;
    let reply = visit.call(question.call()).await?;
    match question.is_json() {
        true => Ok((Answer::without_cells(&reply)?, Some(Answer::json(&reply)))),
        false => Ok((Answer::of(&reply)?, None)),
    }
}
