//! A device's modules: the list, and adding one.

use askama::Template;
use axum::response::Response;
use http::Method;
use serde_json::{Value, json};

use crate::authentication::AuthenticationForm;
use crate::client::Call;
use crate::device::document::IdentityView;
use crate::device::frame::{Frame, Tab, explained};
use crate::device::target::Target;
use crate::failure::{Failure, see_other};
use crate::fields::Fields;
use crate::filters;
use crate::page::{Notice, Page, render, render_as};
use crate::problems::Problems;
use crate::refused::Refused;
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "device/modules.html")]
struct ModulesPage {
    page: Page,
    frame: Frame,
    modules: Vec<ModuleRow>,
}

/// A line of the list.
struct ModuleRow {
    id: String,
    href: String,
    identity: IdentityView,
}

#[derive(Template)]
#[template(path = "device/module_new.html")]
struct NewModulePage {
    page: Page,
    frame: Frame,
    form: ModuleForm,
    problems: Problems,
}

/// A module to add, as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ModuleForm {
    id: String,
    managed_by: String,
    authentication: AuthenticationForm,
}

impl ModuleForm {
    fn empty() -> Self {
        ModuleForm {
            id: String::new(),
            managed_by: String::new(),
            authentication: AuthenticationForm::for_new(),
        }
    }

    fn read(fields: &Fields) -> Self {
        let text = |name| fields.given(name).unwrap_or_default().to_owned();
        ModuleForm {
            id: text("module-id"),
            managed_by: text("managed-by"),
            authentication: AuthenticationForm::read(fields, true),
        }
    }

    fn document(&self, device: &str) -> Value {
        json!({
            "deviceId": device,
            "moduleId": self.id,
            "managedBy": (!self.managed_by.is_empty()).then_some(&self.managed_by),
            "authentication": self.authentication.to_json(),
        })
    }
}

/// `GET /portal/device/modules?id=`
pub async fn list(visit: Visit, target: Target) -> Result<Response, Failure> {
    let frame = Frame::load(&visit, &target, Tab::Modules).await?;
    let call = Call::get(target.path_to("devices", &["modules"]));
    let reply = visit.call(call).await;
    let listed = reply.and_then(|reply| reply.read::<Vec<Value>>());
    let listed = listed.map_err(|error| visit.failed(explained(error, &target)))?;
    Ok(render(&ModulesPage {
        page: frame.page(&visit),
        modules: listed.iter().map(|module| row(&target, module)).collect(),
        frame,
    }))
}

fn row(device: &Target, document: &Value) -> ModuleRow {
    let id = document["moduleId"].as_str().unwrap_or_default();
    ModuleRow {
        id: id.to_owned(),
        href: Target::module(&device.device, id).page(""),
        identity: IdentityView::of_identity(document),
    }
}

/// `GET /portal/device/modules/new?id=`
pub async fn new(visit: Visit, target: Target) -> Result<Response, Failure> {
    form_page(&visit, &target, ModuleForm::empty(), Problems::default()).await
}

/// `POST /portal/device/modules/new?id=`
pub async fn add(visit: Visit, target: Target, fields: Fields) -> Result<Response, Failure> {
    let form = ModuleForm::read(&fields);
    if form.id.is_empty() {
        let refused = Refused::invalid("Give the module an ID.");
        return form_page(&visit, &target, form, refused.into()).await;
    }
    let module = Target::module(&target.device, &form.id);
    let call = Call::data(Method::PUT, module.path("devices")).json(&form.document(&target.device));
    match visit.call(call).await {
        Ok(_) => {
            visit.tell(Notice::done(format!("Module {} is added.", form.id)));
            Ok(see_other(&module.page("")))
        }
        Err(error) => form_page(&visit, &target, form, explained(error, &target).into()).await,
    }
}

async fn form_page(
    visit: &Visit,
    target: &Target,
    form: ModuleForm,
    problems: Problems,
) -> Result<Response, Failure> {
    let frame = Frame::load(visit, target, Tab::Modules).await?;
    let page = NewModulePage {
        page: frame.page(visit),
        frame,
        form,
        problems,
    };
    Ok(render_as(page.problems.status(), &page))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_becomes_the_document_of_a_module() {
        let sent = b"module-id=+sensor+&managed-by=&authentication-type=sas";
        let form = ModuleForm::read(&Fields::parse(sent));

        let document = form.document("pump-7");

        assert_eq!(document["deviceId"], "pump-7");
        assert_eq!(document["moduleId"], "sensor");
        assert_eq!(document["managedBy"], Value::Null);
        assert_eq!(document["authentication"]["type"], "sas");
    }

    #[test]
    fn a_line_of_the_list_leads_to_the_module() {
        let document = json!({ "moduleId": "$edgeAgent", "connectionState": "Connected" });

        let row = row(&Target::device("hall-2"), &document);

        assert_eq!(row.href, "/portal/module?id=hall-2&module=%24edgeAgent");
        assert!(row.identity.connected);
    }
}
