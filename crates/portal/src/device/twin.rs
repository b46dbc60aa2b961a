//! A twin: tags, desired and reported properties side by side.
//!
//! What is edited is written as a merge patch of what was changed, over the
//! twin that the form was made from. If somebody else was quicker, nothing is
//! written: the page shows both changes, and saves yours over theirs, or puts
//! both together in the form.
//!
//! A page weighs little whatever is in a twin: of a large one the beginning is
//! shown, tags and desired properties are opened one by one to be edited, whole,
//! and a file has all of it.

use askama::Template;
use axum::response::Response;
use http::{Method, StatusCode};

use crate::client::{ApiError, Call};
use crate::device::frame::{Frame, Tab, explained};
use crate::device::target::Target;
use crate::failure::{Failure, see_other};
use crate::fields::{Asked, Fields};
use crate::files::json_file;
use crate::filters;
use crate::json_text::pretty;
use crate::page::{Notice, Page, render, render_as};
use crate::pretty::{Shown, beginning};
use crate::problems::Problems;
use crate::visit::Visit;

mod change;
mod conflict;
mod form;
#[cfg(test)]
mod tests;
mod view;

use conflict::{ChangedBy, ConflictView};
use form::{Part, TwinForm, Writable};
use view::TwinView;

/// How much a page may take, in bytes of HTML, besides its files and frame.
const ROOM: usize = 160_000;
/// A form that takes more is not in the page until it is asked for, and then
/// without what the device reports.
const MAX_FORM: usize = 100_000;
/// How much of tags and of desired properties is shown until they are edited.
const MAX_UNOPENED: usize = 45_000;
/// How much is told of a conflict at least.
const MIN_CONFLICT: usize = 2_000;
/// And at most.
const MAX_CONFLICT: usize = 60_000;

#[derive(Template)]
#[template(path = "device/twin.html")]
struct TwinPage {
    page: Page,
    frame: Frame,
    twin: TwinView,
    /// What is edited; nothing if the twin is large and is only looked at.
    form: Option<TwinForm>,
    problems: Problems,
    conflict: Option<ConflictView>,
    /// After a conflict, what both began with: for putting them together.
    origin: Option<Writable>,
    merged: bool,
}

impl TwinPage {
    fn tags_to_edit(&self) -> Option<&str> {
        self.form.as_ref()?.tags.as_deref()
    }

    fn desired_to_edit(&self) -> Option<&str> {
        self.form.as_ref()?.desired.as_deref()
    }

    /// What is edited takes the place of what is not.
    fn shows_tags(&self) -> bool {
        self.form.as_ref().is_none_or(|form| form.tags.is_some())
    }

    fn shows_desired(&self) -> bool {
        self.form.as_ref().is_none_or(|form| form.desired.is_some())
    }

    fn shows_reported(&self) -> bool {
        let form = self.form.as_ref().map_or(0, TwinForm::html_size);
        let origin = self
            .origin
            .as_ref()
            .map_or(0, |origin| origin.sealed().len());
        let conflict = self.conflict.as_ref().map_or(0, |_| MAX_CONFLICT);
        form + origin + conflict <= MAX_FORM
    }

    fn tags(&self) -> Shown {
        beginning(&pretty(&self.twin.tags), MAX_UNOPENED)
    }

    fn desired(&self) -> Shown {
        beginning(&pretty(&self.twin.desired.properties), MAX_UNOPENED)
    }

    /// Where a part of the twin is edited.
    fn opened(&self, part: &str) -> String {
        format!("{}&edit={part}", self.frame.at("/twin"))
    }
}

/// What changes by itself.
#[derive(Template)]
#[template(path = "device/twin_now.html")]
struct TwinNow {
    frame: Frame,
    twin: TwinView,
}

/// What became of a form.
enum Outcome {
    Saved,
    Unchanged,
    Merged(TwinForm),
    NotSaved(Problems),
    Conflict { yours: Writable },
}

/// `GET .../twin`; with `edit=tags` or `edit=desired` that part alone, whole.
pub async fn show(visit: Visit, target: Target, Asked(asked): Asked) -> Result<Response, Failure> {
    let mut page = load(&visit, &target).await?;
    page.open(Part::asked(&asked));
    Ok(render(&page))
}

/// `GET .../twin/file`: the twin as the API has it.
pub async fn file(visit: Visit, target: Target) -> Result<Response, Failure> {
    let reply = visit.call(Call::get(target.path("twins"))).await;
    let reply = reply.map_err(|error| visit.failed(explained(error, &target)))?;
    Ok(json_file("twin.json", reply.body))
}

/// `GET .../twin/now`: what a script refreshes.
pub async fn now(visit: Visit, target: Target) -> Result<Response, Failure> {
    let frame = Frame::load(&visit, &target, Tab::Twin).await?;
    let twin = read(&visit, &target).await;
    let twin = twin.map_err(|error| visit.failed(error))?;
    Ok(render(&TwinNow { frame, twin }))
}

/// `POST .../twin`: saves, or after a conflict puts both changes together.
pub async fn save(visit: Visit, target: Target, fields: Fields) -> Result<Response, Failure> {
    let Some(form) = TwinForm::read(&fields) else {
        let sentence = "this form does not say what it was made from: load the page anew";
        return Err(Failure::invalid(&visit, sentence));
    };
    let origin = Writable::unsealed(fields.get("origin"));
    let outcome = match (fields.get("do"), &origin) {
        ("merge", Some(origin)) => merge(&form, origin),
        _ => write(&visit, &target, &form).await,
    };
    let told = match &outcome {
        Outcome::Saved => Some(format!("The twin of {} is saved.", target.called())),
        Outcome::Unchanged => Some("There was nothing to save: the twin is so already.".to_owned()),
        _ => None,
    };
    if let Some(told) = told {
        visit.tell(Notice::done(told));
        return Ok(see_other(&target.page("/twin")));
    }
    let mut page = load(&visit, &target).await?;
    page.form = Some(form);
    page.origin = origin;
    let status = page.take(outcome);
    Ok(render_as(status, &page))
}

impl TwinPage {
    /// Opens what was asked for to be edited, or all of it if that is light.
    fn open(&mut self, part: Option<Part>) {
        let there_is = Writable::of(&self.twin);
        let form = TwinForm::of(there_is, part.unwrap_or(Part::Both));
        let is_open = part.is_some() || form.html_size() <= MAX_FORM;
        self.form = is_open.then_some(form);
    }

    /// Shows what became of the form.
    fn take(&mut self, outcome: Outcome) -> StatusCode {
        match outcome {
            Outcome::Saved | Outcome::Unchanged => StatusCode::OK,
            Outcome::Merged(form) => {
                self.form = Some(form);
                self.merged = true;
                self.origin = None;
                StatusCode::OK
            }
            Outcome::NotSaved(problems) => {
                self.problems = problems;
                self.problems.status()
            }
            Outcome::Conflict { yours } => {
                self.compare(&yours);
                StatusCode::PRECONDITION_FAILED
            }
        }
    }

    /// What is there now becomes what the form is written over.
    fn compare(&mut self, yours: &Writable) {
        let Some(form) = &mut self.form else {
            return;
        };
        let theirs = form.part_of(Writable::of(&self.twin));
        let origin = std::mem::replace(&mut form.base, theirs.clone());
        let room = ROOM.saturating_sub(form.html_size() + origin.sealed().len());
        let room = room.clamp(MIN_CONFLICT, MAX_CONFLICT);
        self.conflict = Some(ConflictView::of(&origin, &theirs, yours, room));
        self.origin = Some(origin);
    }
}

async fn write(visit: &Visit, target: &Target, form: &TwinForm) -> Outcome {
    let wanted = match form.wanted() {
        Ok(wanted) => wanted,
        Err(problems) => return Outcome::NotSaved(problems),
    };
    let patch = form.base.patch_to(&wanted);
    if patch.is_empty() {
        return Outcome::Unchanged;
    }
    let call = Call::data(Method::PATCH, target.path("twins"))
        .if_match(&form.base.etag)
        .json(&patch.document());
    match visit.call(call).await {
        Ok(_) => Outcome::Saved,
        Err(error) if error.status() == StatusCode::PRECONDITION_FAILED => {
            Outcome::Conflict { yours: wanted }
        }
        Err(error) => Outcome::NotSaved(explained(error, target).into()),
    }
}

/// Theirs, with what was changed here; where both changed, it is yours.
fn merge(form: &TwinForm, origin: &Writable) -> Outcome {
    match form.wanted() {
        Err(problems) => Outcome::NotSaved(problems),
        Ok(yours) => {
            let merged = form.base.with(&origin.patch_to(&yours));
            Outcome::Merged(TwinForm {
                base: form.base.clone(),
                ..TwinForm::of(merged, form.part())
            })
        }
    }
}

async fn read(visit: &Visit, target: &Target) -> Result<TwinView, ApiError> {
    let reply = visit.call(Call::get(target.path("twins"))).await;
    let document = reply.and_then(|reply| reply.json());
    let document = document.map_err(|error| explained(error, target))?;
    Ok(TwinView::of(&document))
}

async fn load(visit: &Visit, target: &Target) -> Result<TwinPage, Failure> {
    let frame = Frame::load(visit, target, Tab::Twin).await?;
    let twin = read(visit, target).await;
    let twin = twin.map_err(|error| visit.failed(error))?;
    Ok(TwinPage {
        page: frame.page(visit),
        form: None,
        frame,
        twin,
        problems: Problems::default(),
        conflict: None,
        origin: None,
        merged: false,
    })
}
