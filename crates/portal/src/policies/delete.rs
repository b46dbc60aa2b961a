//! Deleting a policy.

use askama::Template;
use axum::response::Response;

use super::change::Change;
use super::document;
use super::seen::{change_shown, seen_again, seen_by};
use crate::failure::{Failure, see_other};
use crate::fields::{Asked, Fields};
use crate::page::{Notice, Page, Section, render_as};
use crate::refused::Refused;
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "policies/delete.html")]
struct DeletePage {
    page: Page,
    refused: Option<Refused>,
    name: String,
    rights: String,
    is_needed: bool,
    seen: String,
}

/// `GET /portal/policies/delete?name=`: what will happen.
pub async fn show(visit: Visit, Asked(asked): Asked) -> Result<Response, Failure> {
    let seen = seen_by(&visit).await?;
    page(&visit, asked.get("name"), seen, None).await
}

/// `POST /portal/policies/delete?name=`
pub async fn delete(
    visit: Visit,
    Asked(asked): Asked,
    fields: Fields,
) -> Result<Response, Failure> {
    let name = asked.get("name").to_owned();
    let wanted = Change::Remove { name: name.clone() };
    if let Err(refused) = change_shown(&visit, &fields, &wanted).await {
        let seen = seen_again(&visit, &fields, &refused).await?;
        return page(&visit, &name, seen, Some(refused)).await;
    }
    visit.tell(Notice::done(format!("Policy {name} is deleted.")));
    Ok(see_other("/portal/policies"))
}

async fn page(
    visit: &Visit,
    name: &str,
    seen: String,
    refused: Option<Refused>,
) -> Result<Response, Failure> {
    let policy = document::read_one(visit, name).await;
    let policy = policy.map_err(|error| visit.failed(error))?;
    let policies = document::read(visit).await;
    let policies = policies.map_err(|error| visit.failed(error))?;
    let status = Refused::status_of(refused.as_ref());
    let page = DeletePage {
        page: visit.page(Section::Policies, format!("Delete policy {name}")),
        refused,
        is_needed: !policies.has_all_rights_without(&policy.key_name),
        name: policy.key_name,
        rights: policy.rights,
        seen,
    };
    Ok(render_as(status, &page))
}
