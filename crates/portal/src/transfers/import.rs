//! An import of devices.

use askama::Template;
use axum::response::Response;
use http::Method;
use serde_json::json;

use super::place::{Place, create, one_of_both};
use crate::client::Call;
use crate::fields::Fields;
use crate::page::{Page, Section, render_as};
use crate::refused::Refused;
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "transfers/import.html")]
struct ImportPage {
    page: Page,
    refused: Option<Refused>,
    form: ImportForm,
}

/// An import as typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct ImportForm {
    from: Place,
    /// The address of the container for the lines that failed; the same if
    /// empty.
    failures: String,
}

impl ImportForm {
    fn read(fields: &Fields) -> Self {
        ImportForm {
            from: Place::read(fields),
            failures: fields.get("failures").trim().to_owned(),
        }
    }

    fn call(&self, is_operator: bool) -> Result<Call, Refused> {
        let from = self.from.address(is_operator)?;
        let failures = match (self.failures.as_str(), self.from.folder.as_str()) {
            ("", _) => from.clone(),
            (failures, "") => failures.to_owned(),
            (_, _) => return Err(one_of_both()),
        };
        let body = json!({
            "type": "import",
            "inputBlobContainerUri": from,
            "inputBlobName": self.from.blob(),
            "outputBlobContainerUri": failures,
        });
        Ok(match is_operator {
            true => Call::resource(Method::POST, ["importDevices"]).json(&body),
            false => create(&body),
        })
    }
}

/// `GET /portal/transfers/import`
pub async fn show(visit: Visit) -> Response {
    page(&visit, ImportForm::default(), None)
}

/// `POST /portal/transfers/import`
pub async fn start(visit: Visit, fields: Fields) -> Response {
    let form = ImportForm::read(&fields);
    let call = form.call(visit.rights().operator);
    match super::start(&visit, call, "Import").await {
        Ok(started) => started,
        Err(refused) => page(&visit, form, Some(refused)),
    }
}

fn page(visit: &Visit, form: ImportForm, refused: Option<Refused>) -> Response {
    let status = Refused::status_of(refused.as_ref());
    let page = ImportPage {
        page: visit.page(Section::Transfers, "Import devices"),
        refused,
        form,
    };
    render_as(status, &page)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn import(fields: &str, is_operator: bool) -> Result<(String, Value), Refused> {
        let call = ImportForm::read(&Fields::parse(fields.as_bytes())).call(is_operator)?;
        Ok((call.path().to_owned(), call.sent()))
    }

    #[test]
    fn failed_lines_of_an_import_go_where_it_came_from_unless_another_place_is_named() {
        let (_, same) = import("container=https%3A%2F%2Fin&blob=fleet.txt", false).unwrap();
        let (_, other) = import(
            "container=https%3A%2F%2Fin&failures=https%3A%2F%2Fout",
            true,
        )
        .unwrap();

        assert_eq!(same["outputBlobContainerUri"], "https://in");
        assert_eq!(same["inputBlobName"], "fleet.txt");
        assert_eq!(other["outputBlobContainerUri"], "https://out");
    }

    #[test]
    fn failed_lines_go_to_a_container_only_if_the_file_comes_from_one() {
        assert!(import("folder=%2Ffleet&failures=https%3A%2F%2Fout", true).is_err());
    }
}
