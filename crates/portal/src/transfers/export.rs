//! An export of devices.

use askama::Template;
use axum::response::Response;
use http::Method;
use serde_json::json;

use super::place::{Place, create};
use crate::client::Call;
use crate::fields::Fields;
use crate::page::{Page, Section, render_as};
use crate::refused::Refused;
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "transfers/export.html")]
struct ExportPage {
    page: Page,
    refused: Option<Refused>,
    form: ExportForm,
}

/// An export as typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct ExportForm {
    to: Place,
    with_keys: bool,
}

impl ExportForm {
    fn read(fields: &Fields) -> Self {
        ExportForm {
            to: Place::read(fields),
            with_keys: fields.is_ticked("keys"),
        }
    }

    fn call(&self, is_operator: bool) -> Result<Call, Refused> {
        let to = self.to.address(is_operator)?;
        let blob = self.to.blob();
        if is_operator {
            let body = json!({
                "exportBlobContainerUri": to,
                "exportBlobName": blob,
                "excludeKeys": !self.with_keys,
            });
            return Ok(Call::resource(Method::POST, ["exportDevices"]).json(&body));
        }
        Ok(create(&json!({
            "type": "export",
            "outputBlobContainerUri": to,
            "outputBlobName": blob,
            "excludeKeysInExport": !self.with_keys,
        })))
    }
}

/// `GET /portal/transfers/export`
pub async fn show(visit: Visit) -> Response {
    page(&visit, ExportForm::default(), None)
}

/// `POST /portal/transfers/export`
pub async fn start(visit: Visit, fields: Fields) -> Response {
    let form = ExportForm::read(&fields);
    let call = form.call(visit.rights().operator);
    match super::start(&visit, call, "Export").await {
        Ok(started) => started,
        Err(refused) => page(&visit, form, Some(refused)),
    }
}

fn page(visit: &Visit, form: ExportForm, refused: Option<Refused>) -> Response {
    let status = Refused::status_of(refused.as_ref());
    let page = ExportPage {
        page: visit.page(Section::Transfers, "Export devices"),
        refused,
        form,
    };
    render_as(status, &page)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn export(fields: &str, is_operator: bool) -> Result<(String, Value), Refused> {
        let call = ExportForm::read(&Fields::parse(fields.as_bytes())).call(is_operator)?;
        Ok((call.path().to_owned(), call.sent()))
    }

    #[test]
    fn an_export_goes_to_a_container_without_keys_unless_they_are_wanted() {
        let typed = "container=https%3A%2F%2Fblobs%2Fc%3Fsig%3Dx&folder=&blob=";

        let (path, body) = export(typed, false).unwrap();
        let (_, with_keys) = export(&format!("{typed}&keys=on"), false).unwrap();

        assert_eq!(path, "/jobs/create");
        assert_eq!(body["outputBlobContainerUri"], "https://blobs/c?sig=x");
        assert_eq!(body["outputBlobName"], Value::Null);
        assert_eq!(body["excludeKeysInExport"], true);
        assert_eq!(with_keys["excludeKeysInExport"], false);
    }

    #[test]
    fn operators_name_folders_of_the_hubs_machine() {
        let (path, body) = export("folder=%2Fbackups&keys=on", true).unwrap();

        assert_eq!(path, "/exportDevices");
        assert_eq!(body["exportBlobContainerUri"], "file:///backups");
        assert_eq!(body["excludeKeys"], false);
    }
}
