//! A twin: tags, desired and reported properties side by side.
//!
//! What is edited is written as a merge patch of what was changed, over the
//! twin that the form was made from. If somebody else was quicker, nothing is
//! written: the page shows both changes, and saves yours over theirs, or puts
//! both together in the form.

use askama::Template;
use axum::response::Response;
use http::{Method, StatusCode};

use crate::client::{ApiError, Call};
use crate::device::frame::{Frame, Tab, explained};
use crate::device::target::Target;
use crate::device::wrong::{Wrong, wrong_at};
use crate::failure::{Failure, see_other};
use crate::fields::Fields;
use crate::page::{Notice, Page, render, render_as};
use crate::refused::Refused;
use crate::visit::Visit;

mod change;
mod conflict;
mod form;
mod view;

use conflict::ConflictView;
use form::{TwinForm, Writable};
use view::TwinView;

#[derive(Template)]
#[template(path = "device/twin.html")]
struct TwinPage {
    page: Page,
    frame: Frame,
    twin: TwinView,
    form: TwinForm,
    wrong: Vec<Wrong>,
    refused: Option<Refused>,
    conflict: Option<ConflictView>,
    /// After a conflict, what both began with: for putting them together.
    origin: Option<Writable>,
    merged: bool,
}

/// What changes by itself.
#[derive(Template)]
#[template(path = "device/twin_now.html")]
struct TwinNow {
    frame: Frame,
    twin: TwinView,
}

impl TwinPage {
    fn wrong_at(&self, field: &str) -> Option<&str> {
        wrong_at(&self.wrong, field)
    }
}

/// What became of a form.
enum Outcome {
    Saved,
    Unchanged,
    Merged(TwinForm),
    Wrong(Vec<Wrong>),
    Refused(Refused),
    Conflict { yours: Writable },
}

/// `GET .../twin`
pub async fn show(visit: Visit, target: Target) -> Result<Response, Failure> {
    let page = load(&visit, &target, None).await?;
    Ok(render(&page))
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
    let mut page = load(&visit, &target, Some(form)).await?;
    page.origin = origin;
    let status = page.take(outcome);
    Ok(render_as(status, &page))
}

impl TwinPage {
    /// Shows what became of the form.
    fn take(&mut self, outcome: Outcome) -> StatusCode {
        match outcome {
            Outcome::Saved | Outcome::Unchanged => StatusCode::OK,
            Outcome::Merged(form) => {
                self.form = form;
                self.merged = true;
                self.origin = None;
                StatusCode::OK
            }
            Outcome::Wrong(wrong) => {
                self.wrong = wrong;
                StatusCode::BAD_REQUEST
            }
            Outcome::Refused(refused) => {
                let status = refused.status;
                self.refused = Some(refused);
                status
            }
            Outcome::Conflict { yours } => {
                let theirs = Writable::of(&self.twin);
                let origin = std::mem::replace(&mut self.form.base, theirs.clone());
                self.conflict = Some(ConflictView::of(&origin, theirs, &yours));
                self.origin = Some(origin);
                StatusCode::PRECONDITION_FAILED
            }
        }
    }
}

async fn write(visit: &Visit, target: &Target, form: &TwinForm) -> Outcome {
    let wanted = match form.wanted() {
        Ok(wanted) => wanted,
        Err(wrong) => return Outcome::Wrong(wrong),
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
        Err(error) => Outcome::Refused(explained(error, target).into()),
    }
}

/// Theirs, with what was changed here; where both changed, it is yours.
fn merge(form: &TwinForm, origin: &Writable) -> Outcome {
    match form.wanted() {
        Err(wrong) => Outcome::Wrong(wrong),
        Ok(yours) => {
            let merged = form.base.with(&origin.patch_to(&yours));
            Outcome::Merged(TwinForm {
                base: form.base.clone(),
                ..TwinForm::of(merged)
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

async fn load(visit: &Visit, target: &Target, form: Option<TwinForm>) -> Result<TwinPage, Failure> {
    let frame = Frame::load(visit, target, Tab::Twin).await?;
    let twin = read(visit, target).await;
    let twin = twin.map_err(|error| visit.failed(error))?;
    Ok(TwinPage {
        page: frame.page(visit),
        form: form.unwrap_or_else(|| TwinForm::of(Writable::of(&twin))),
        frame,
        twin,
        wrong: Vec::new(),
        refused: None,
        conflict: None,
        origin: None,
        merged: false,
    })
}
