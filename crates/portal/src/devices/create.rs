//! New devices.

use askama::Template;
use axum::response::Response;

use super::form::{self, NewDevice};
use super::pager::Wanted;
use super::row::device_address;
use super::{bulk, names, outcome};
use crate::failure::{Failure, see_other};
use crate::fields::Fields;
use crate::page::{Notice, Page, Section, render_as};
use crate::parent;
use crate::problems::Problems;
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "devices/new.html")]
struct NewPage {
    page: Page,
    form: NewDevice,
    problems: Problems,
}

impl NewPage {
    fn several_is_open(&self) -> bool {
        !self.form.count.is_empty() || self.problems.are_at(&["count", "first"])
    }

    fn twin_is_open(&self) -> bool {
        let is_written = |text: &str| !text.trim().is_empty();
        is_written(&self.form.tags)
            || is_written(&self.form.desired)
            || self.problems.are_at(&["tags", "desired"])
    }
}

/// `GET /portal/devices/new`
pub async fn show(visit: Visit) -> Result<Response, Failure> {
    let form = NewDevice::of(&Fields::default());
    Ok(page(&visit, form, Problems::default()))
}

/// `POST /portal/devices/new`
pub async fn create(visit: Visit, fields: Fields) -> Result<Response, Failure> {
    let form = NewDevice::of(&fields);
    match done(&visit, &form).await {
        Ok(response) => Ok(response),
        Err(problems) => Ok(page(&visit, form, problems)),
    }
}

async fn done(visit: &Visit, form: &NewDevice) -> Result<Response, Problems> {
    let mut plan = form.plan()?;
    if !form.parent.is_empty() {
        plan.below(&parent::scope_of(visit, &form.parent).await?);
    }
    let failed = bulk::send(visit, &plan.items()).await?;
    let done = plan.ids.len().saturating_sub(failed.len());
    match (failed.first(), plan.ids.as_slice()) {
        (None, [id]) => {
            visit.tell(Notice::done(format!("Device {id} is created.")));
            Ok(see_other(&device_address(id)))
        }
        (None, ids) => {
            visit.tell(Notice::done(format!("{} devices are created.", ids.len())));
            Ok(see_other(&list_of(visit, form)))
        }
        (Some(first), [_]) => Err(form::refused(first)),
        (Some(_), _) => Ok(outcome::show(
            visit,
            ("created", None),
            done,
            failed,
            list_of(visit, form),
        )),
    }
}

/// The list of what a pattern has made; who may not query finds no beginnings of
/// IDs.
fn list_of(visit: &Visit, form: &NewDevice) -> String {
    match visit.rights().service {
        true => Wanted::searched(names::prefix(&form.id)).address(),
        false => "/portal/devices".to_owned(),
    }
}

fn page(visit: &Visit, form: NewDevice, problems: Problems) -> Response {
    let page = NewPage {
        page: visit.page(Section::Devices, "Add device"),
        form,
        problems,
    };
    render_as(page.problems.status(), &page)
}
