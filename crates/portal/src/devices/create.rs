//! New devices.

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use super::form::{NewDevice, Problems, place_of};
use super::pager::Wanted;
use super::row::device_address;
use super::{bulk, names, outcome, require_write};
use crate::authentication::AuthenticationForm;
use crate::client::{ApiError, Call};
use crate::failure::{Failure, as_sentence, see_other};
use crate::fields::Fields;
use crate::page::{Notice, Page, Section, render_as};
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "devices/new.html")]
struct NewPage {
    page: Page,
    authentication: AuthenticationForm,
    form: NewDevice,
    problems: Problems,
}

impl NewPage {
    fn several_is_open(&self) -> bool {
        !self.form.count.is_empty() || self.problems.any_of(&["count", "first"])
    }

    fn twin_is_open(&self) -> bool {
        let is_written = |text: &str| !text.trim().is_empty();
        is_written(&self.form.tags)
            || is_written(&self.form.desired)
            || self.problems.any_of(&["tags", "desired"])
    }
}

/// `GET /portal/devices/new`
pub async fn show(visit: Visit) -> Result<Response, Failure> {
    require_write(&visit)?;
    let form = NewDevice::of(&Fields::default());
    Ok(page(&visit, StatusCode::OK, form, Problems::default()))
}

/// `POST /portal/devices/new`
pub async fn create(visit: Visit, fields: Fields) -> Result<Response, Failure> {
    require_write(&visit)?;
    let form = NewDevice::of(&fields);
    match done(&visit, &form).await {
        Ok(response) => Ok(response),
        Err((status, problems)) => Ok(page(&visit, status, form, problems)),
    }
}

type Refusal = (StatusCode, Problems);

async fn done(visit: &Visit, form: &NewDevice) -> Result<Response, Refusal> {
    let mut plan = form
        .plan()
        .map_err(|problems| (StatusCode::BAD_REQUEST, problems))?;
    if !form.parent.is_empty() {
        plan.below(&scope_of(visit, &form.parent).await?);
    }
    let failed = bulk::send(visit, &plan.items()).await;
    let failed = failed.map_err(|error| {
        (
            error.status(),
            Problems::at("", as_sentence(&error.to_string())),
        )
    })?;
    let done = plan.ids.len().saturating_sub(failed.len());
    match (failed.first(), plan.ids.as_slice()) {
        (None, [id]) => {
            visit.tell(Notice::done(format!("Device {id} is created.")));
            Ok(see_other(&device_address(id)))
        }
        (None, ids) => {
            visit.tell(Notice::done(format!("{} devices are created.", ids.len())));
            Ok(see_other(&list_of(form)))
        }
        (Some(first), [_]) => Err((status_of(&first.code), place_of(first))),
        (Some(_), _) => Ok(outcome::show(
            visit,
            ("created", None),
            done,
            failed,
            list_of(form),
        )),
    }
}

/// The list of what a pattern has made.
fn list_of(form: &NewDevice) -> String {
    Wanted::searched(names::prefix(&form.id)).address()
}

fn status_of(code: &str) -> StatusCode {
    match code {
        "DeviceAlreadyExists" => StatusCode::CONFLICT,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// The scope of the edge device that is to stand between a device and the hub.
async fn scope_of(visit: &Visit, parent: &str) -> Result<String, Refusal> {
    let refused = |sentence: String| (StatusCode::BAD_REQUEST, Problems::at("parent", sentence));
    let read = match visit.call(Call::get(["devices", parent])).await {
        Ok(reply) => reply.json(),
        Err(error) => Err(error),
    };
    let device = read.map_err(|error| match error {
        ApiError::Refused { status, .. } if status == StatusCode::NOT_FOUND => {
            refused(format!("There is no device {parent}."))
        }
        error => refused(as_sentence(&error.to_string())),
    })?;
    let is_edge = device["capabilities"]["iotEdge"] == true;
    let scope = device["deviceScope"].as_str().filter(|_| is_edge);
    scope.map(str::to_owned).ok_or_else(|| {
        refused(format!(
            "{parent} is not an IoT Edge device, and only those can be parents."
        ))
    })
}

fn page(visit: &Visit, status: StatusCode, form: NewDevice, problems: Problems) -> Response {
    let page = NewPage {
        page: visit.page(Section::Devices, "Add device"),
        authentication: AuthenticationForm {
            problem: problems.of("authentication").map(str::to_owned),
            ..form.authentication.clone()
        },
        form,
        problems,
    };
    render_as(status, &page)
}
