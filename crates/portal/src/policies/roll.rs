//! Rolling a key of a policy, or swapping both.

use askama::Template;
use axum::response::Response;

use super::address;
use super::change::Change;
use super::document;
use super::seen::{change_shown, seen_again, seen_by};
use crate::failure::{Failure, see_other};
use crate::fields::{Asked, Fields};
use crate::key_roll::KeyRoll;
use crate::page::{Notice, Page, Section, render_as};
use crate::refused::Refused;
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "policies/roll.html")]
struct RollPage {
    page: Page,
    refused: Option<Refused>,
    name: String,
    key: KeyRoll,
    seen: String,
}

/// `GET /portal/policies/roll?name=&key=`: what will happen.
pub async fn show(visit: Visit, Asked(asked): Asked) -> Result<Response, Failure> {
    let key = KeyRoll::asked(&visit, &asked)?;
    let seen = seen_by(&visit).await?;
    let policy = document::read_one(&visit, asked.get("name")).await;
    let policy = policy.map_err(|error| visit.failed(error))?;
    Ok(page(&visit, policy.key_name, key, seen, None))
}

/// `POST /portal/policies/roll?name=&key=`
pub async fn roll(visit: Visit, Asked(asked): Asked, fields: Fields) -> Result<Response, Failure> {
    let key = KeyRoll::asked(&visit, &asked)?;
    let name = asked.get("name").to_owned();
    let wanted = Change::Roll {
        name: name.clone(),
        key,
    };
    if let Err(refused) = change_shown(&visit, &fields, &wanted).await {
        let seen = seen_again(&visit, &fields, &refused).await?;
        return Ok(page(&visit, name, key, seen, Some(refused)));
    }
    let done = match key {
        KeyRoll::Primary => format!("The primary key of policy {name} is new."),
        KeyRoll::Secondary => format!("The secondary key of policy {name} is new."),
        KeyRoll::Swap => format!("The keys of policy {name} have changed places."),
    };
    visit.tell(Notice::done(done));
    Ok(see_other(&address(&name)))
}

fn page(
    visit: &Visit,
    name: String,
    key: KeyRoll,
    seen: String,
    refused: Option<Refused>,
) -> Response {
    let status = Refused::status_of(refused.as_ref());
    let title = match key {
        KeyRoll::Primary => format!("Roll the primary key of {name}"),
        KeyRoll::Secondary => format!("Roll the secondary key of {name}"),
        KeyRoll::Swap => format!("Swap the keys of {name}"),
    };
    let page = RollPage {
        page: visit.page(Section::Policies, title),
        refused,
        name,
        key,
        seen,
    };
    render_as(status, &page)
}
