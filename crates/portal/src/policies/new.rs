//! A new policy.

use askama::Template;
use axum::response::Response;

use super::address;
use super::change::Change;
use super::rights::{self, RightBox};
use super::seen::{change, seen};
use crate::failure::see_other;
use crate::fields::Fields;
use crate::page::{Notice, Page, Section, render_as};
use crate::refused::Refused;
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "policies/new.html")]
struct NewPage {
    page: Page,
    refused: Option<Refused>,
    name: String,
    rights: Vec<RightBox>,
}

/// `GET /portal/policies/new`
pub async fn show(visit: Visit) -> Response {
    page(&visit, "", &[], None)
}

/// `POST /portal/policies/new`
pub async fn add(visit: Visit, fields: Fields) -> Response {
    let name = fields.get("name").trim();
    let rights = rights::ticked(&fields);
    let wanted = Change::Add {
        name: name.to_owned(),
        rights: rights.clone(),
    };
    // One more takes nothing from anybody: only what changes right now matters.
    let added = match seen(&visit).await {
        Ok(seen) => change(&visit, &seen, &wanted).await,
        Err(error) => Err(error.into()),
    };
    match added {
        Ok(()) => {
            visit.tell(Notice::done(format!("Policy {name} is added.")));
            see_other(&address(name))
        }
        Err(refused) => page(&visit, name, &rights, Some(refused)),
    }
}

fn page(visit: &Visit, name: &str, rights: &[String], refused: Option<Refused>) -> Response {
    let status = Refused::status_of(refused.as_ref());
    let page = NewPage {
        page: visit.page(Section::Policies, "Add policy"),
        refused,
        name: name.to_owned(),
        rights: rights::of_form(rights),
    };
    render_as(status, &page)
}
