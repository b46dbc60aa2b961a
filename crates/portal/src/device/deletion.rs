//! Deleting a device or module: what goes with it is said first.

use askama::Template;
use axum::response::Response;
use http::{Method, StatusCode};

use crate::client::Call;
use crate::device::frame::{Frame, Tab, explained};
use crate::device::target::Target;
use crate::failure::{Failure, see_other};
use crate::fields::Fields;
use crate::filters;
use crate::page::{Notice, Page, render_as};
use crate::refused::Refused;
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "device/delete.html")]
struct DeletePage {
    page: Page,
    frame: Frame,
    /// Modules that go with a device.
    modules: usize,
    refused: Option<Refused>,
}

/// `GET .../delete`
pub async fn ask(visit: Visit, target: Target) -> Result<Response, Failure> {
    confirmation(&visit, &target, None).await
}

/// `POST .../delete`: unless it was changed since the question.
pub async fn delete(visit: Visit, target: Target, fields: Fields) -> Result<Response, Failure> {
    let call = Call::data(Method::DELETE, target.path("devices")).if_match(fields.get("etag"));
    let error = match visit.call(call).await {
        Ok(_) => {
            visit.tell(Notice::done(format!("The {} is deleted.", target.called())));
            return Ok(see_other(&after(&target)));
        }
        Err(error) => error,
    };
    let refused = match error.status() {
        StatusCode::PRECONDITION_FAILED => Refused {
            sentence: "Somebody else changed it meanwhile. Look at it as it is now, and delete it \
                       if you still want to."
                .to_owned(),
            ..Refused::from(error)
        },
        _ => Refused::from(explained(error, &target)),
    };
    confirmation(&visit, &target, Some(refused)).await
}

/// Where to go when it is no more.
fn after(target: &Target) -> String {
    match target.is_module() {
        true => Target::device(&target.device).page("/modules"),
        false => "/portal/devices".to_owned(),
    }
}

async fn confirmation(
    visit: &Visit,
    target: &Target,
    refused: Option<Refused>,
) -> Result<Response, Failure> {
    let frame = Frame::load(visit, target, Tab::Identity).await?;
    let modules = match target.is_module() {
        true => 0,
        false => {
            let call = Call::get(target.path_to("devices", &["modules"]));
            let reply = visit
                .call(call)
                .await
                .map_err(|error| visit.failed(error))?;
            let modules = reply.json().map_err(|error| visit.failed(error))?;
            modules.as_array().map_or(0, Vec::len)
        }
    };
    let status = Refused::status_of(refused.as_ref());
    let page = DeletePage {
        page: frame.page(visit),
        frame,
        modules,
        refused,
    };
    Ok(render_as(status, &page))
}
