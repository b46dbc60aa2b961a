//! A policy: its keys, when they are asked for, and its rights.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::address;
use super::change::Change;
use super::document::{self, Policy};
use super::rights::{self, RightBox};
use super::seen::{change_shown, seen_again, seen_by};
use crate::client::encoded;
use crate::connection_strings;
use crate::failure::{Failure, see_other};
use crate::fields::{Asked, Fields};
use crate::page::{Notice, Page, Section, render, render_as};
use crate::portal::{Inner, Settings};
use crate::refused::Refused;
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "policies/policy.html")]
struct PolicyPage {
    page: Page,
    refused: Option<Refused>,
    name: String,
    rights: Vec<RightBox>,
    keys: Option<[ShownKey; 2]>,
    seen: String,
}

/// A key that was asked for.
struct ShownKey {
    id: &'static str,
    key: String,
    connection_string: String,
}

impl PolicyPage {
    async fn load(visit: &Visit, name: &str) -> Result<(Self, Policy), Failure> {
        let seen = seen_by(visit).await?;
        let policy = document::read_one(visit, name).await;
        let policy = policy.map_err(|error| visit.failed(error))?;
        let page = PolicyPage {
            page: visit.page(Section::Policies, policy.key_name.clone()),
            refused: None,
            rights: rights::of_policy(&policy),
            name: policy.key_name.clone(),
            keys: None,
            seen,
        };
        Ok((page, policy))
    }

    /// Where something is done to its keys.
    fn roll(&self, key: &str) -> String {
        format!(
            "/portal/policies/roll?name={}&key={key}",
            encoded(&self.name)
        )
    }
}

/// `GET /portal/policies/policy?name=`
pub async fn show(visit: Visit, Asked(asked): Asked) -> Result<Response, Failure> {
    let (page, _) = PolicyPage::load(&visit, asked.get("name")).await?;
    Ok(render(&page))
}

/// `POST /portal/policies/policy?name=`: shows the keys, or changes the rights.
pub async fn act(
    visit: Visit,
    State(portal): State<Inner>,
    Asked(asked): Asked,
    fields: Fields,
) -> Result<Response, Failure> {
    let name = asked.get("name");
    match fields.get("do") {
        "rights" => change_rights(&visit, name, &fields).await,
        _ => show_keys(&visit, &portal.settings, name).await,
    }
}

async fn show_keys(visit: &Visit, settings: &Settings, name: &str) -> Result<Response, Failure> {
    let (page, policy) = PolicyPage::load(visit, name).await?;
    let host = connection_strings::service_host(settings);
    let shown = |id, key: String| ShownKey {
        id,
        connection_string: connection_strings::of_policy(&host, &policy.key_name, &key),
        key,
    };
    let keys = [
        shown("primary", policy.primary_key.clone()),
        shown("secondary", policy.secondary_key.clone()),
    ];
    Ok(render(&PolicyPage {
        keys: Some(keys),
        ..page
    }))
}

async fn change_rights(visit: &Visit, name: &str, fields: &Fields) -> Result<Response, Failure> {
    let rights = rights::ticked(fields);
    let wanted = Change::Rights {
        name: name.to_owned(),
        rights: rights.clone(),
    };
    let Err(refused) = change_shown(visit, fields, &wanted).await else {
        visit.tell(Notice::done(format!(
            "The rights of policy {name} are changed."
        )));
        return Ok(see_other(&address(name)));
    };
    let status = refused.status;
    let page = PolicyPage {
        page: visit.page(Section::Policies, name),
        name: name.to_owned(),
        rights: rights::of_form(&rights),
        keys: None,
        seen: seen_again(visit, fields, &refused).await?,
        refused: Some(refused),
    };
    Ok(render_as(status, &page))
}
