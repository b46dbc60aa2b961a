//! What became of several devices, if not all were done.

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use super::bulk::Failed;
use super::several::{Change, count};
use crate::page::{Page, Section, render_as};
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "devices/outcome.html")]
struct OutcomePage {
    page: Page,
    /// What the others are.
    done_word: &'static str,
    done: usize,
    failed: Vec<Failed>,
    /// What can be tried again.
    again: Option<Change>,
    back: String,
}

/// The page that tells of those that were not done.
pub fn show(
    visit: &Visit,
    (done_word, again): (&'static str, Option<Change>),
    done: usize,
    failed: Vec<Failed>,
    back: String,
) -> Response {
    let title = format!("{} not {done_word}", count(failed.len()));
    let page = OutcomePage {
        page: visit.page(Section::Devices, title),
        done_word,
        done,
        failed,
        again,
        back,
    };
    render_as(StatusCode::CONFLICT, &page)
}

impl OutcomePage {
    fn done_sentence(&self) -> String {
        match self.done {
            0 => format!("None is {}.", self.done_word),
            1 => format!("1 device is {}.", self.done_word),
            done => format!("{done} devices are {}.", self.done_word),
        }
    }
}
