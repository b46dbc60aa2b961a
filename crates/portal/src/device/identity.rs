//! The identity of a device or module: looked at, and changed.

use askama::Template;
use axum::response::Response;
use http::{Method, StatusCode};
use serde_json::Value;

use crate::client::Call;
use crate::device::document::IdentityView;
use crate::device::frame::{Frame, Tab, explained};
use crate::device::keys::KeysView;
use crate::device::target::Target;
use crate::failure::{Failure, see_other};
use crate::fields::Fields;
use crate::filters;
use crate::page::{Notice, Page, render_as};
use crate::parent;
use crate::problems::Problems;
use crate::refused::Refused;
use crate::visit::Visit;

mod form;

use form::IdentityForm;

#[derive(Template)]
#[template(path = "device/identity.html")]
struct IdentityPage {
    page: Page,
    frame: Frame,
    form: IdentityForm,
    problems: Problems,
    keys: Option<KeysView>,
}

impl IdentityPage {
    /// Whether the form may be sent.
    fn may_change(&self) -> bool {
        self.page.rights.registry_write && !self.frame.target.is_system_module()
    }

    fn answer(self) -> Response {
        render_as(self.problems.status(), &self)
    }
}

/// `GET /portal/device?id=`
pub async fn show(visit: Visit, target: Target) -> Result<Response, Failure> {
    let frame = Frame::load(&visit, &target, Tab::Identity).await?;
    Ok(page(&visit, frame, None, Problems::default(), None).answer())
}

/// The same with the keys on it.
pub async fn with_keys(
    visit: &Visit,
    target: &Target,
    keys: KeysView,
) -> Result<Response, Failure> {
    let frame = Frame::load(visit, target, Tab::Identity).await?;
    Ok(page(visit, frame, None, Problems::default(), Some(keys)).answer())
}

/// `POST /portal/device?id=`: writes what the form says over what it was made
/// from, and nothing over what somebody else wrote meanwhile.
pub async fn save(visit: Visit, target: Target, fields: Fields) -> Result<Response, Failure> {
    let form = IdentityForm::read(&fields, &target);
    match write(&visit, &target, &form).await {
        Ok(()) => {
            let text = format!("The {} is saved.", target.called());
            visit.tell(Notice::done(text));
            Ok(see_other(&target.page("")))
        }
        Err(problems) => {
            let frame = Frame::load(&visit, &target, Tab::Identity).await?;
            // What was typed stays; after a conflict, it is saved again over
            // what the page now shows.
            let etag = match problems.status() {
                StatusCode::PRECONDITION_FAILED => frame.identity.etag.clone(),
                _ => form.etag.clone(),
            };
            let form = IdentityForm { etag, ..form };
            Ok(page(&visit, frame, Some(form), problems, None).answer())
        }
    }
}

fn page(
    visit: &Visit,
    frame: Frame,
    form: Option<IdentityForm>,
    problems: Problems,
    keys: Option<KeysView>,
) -> IdentityPage {
    IdentityPage {
        page: frame.page(visit),
        form: form.unwrap_or_else(|| IdentityForm::of(&frame.identity)),
        frame,
        problems,
        keys,
    }
}

async fn write(visit: &Visit, target: &Target, form: &IdentityForm) -> Result<(), Problems> {
    let current = read(visit, target).await?;
    let scope = parent_scope(visit, form, &current).await?;
    let document = form.document(target, &current, scope);
    let call = Call::data(Method::PUT, target.path("devices"))
        .if_match(&form.etag)
        .json(&document);
    match visit.call(call).await {
        Ok(_) => Ok(()),
        Err(error) if error.status() == StatusCode::PRECONDITION_FAILED => Err(conflict().into()),
        Err(error) => Err(explained(error, target).into()),
    }
}

/// The identity's whole document, keys included.
pub async fn read(visit: &Visit, target: &Target) -> Result<Value, Refused> {
    let reply = visit.call(Call::get(target.path("devices"))).await;
    let document = reply.and_then(|reply| reply.json());
    document.map_err(|error| explained(error, target).into())
}

/// The scope that the form's parent spans; what stays is not looked up, since
/// a parent may have been deleted.
async fn parent_scope(
    visit: &Visit,
    form: &IdentityForm,
    current: &Value,
) -> Result<Option<String>, Problems> {
    let current = IdentityView::of_identity(current);
    if form.parent.is_empty() {
        return Ok(None);
    }
    if current.parent() == Some(&form.parent) {
        return Ok(Some(current.scope_above().to_owned()));
    }
    parent::scope_of(visit, &form.parent).await.map(Some)
}

fn conflict() -> Refused {
    Refused {
        status: StatusCode::PRECONDITION_FAILED,
        sentence: "Somebody else changed this identity meanwhile, and nothing of yours is saved \
                   yet. Above is what it is now; saving again puts the form over it."
            .to_owned(),
        code: Some("PreconditionFailed".to_owned()),
    }
}
