//! The page of the built-in endpoint.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::{Method, StatusCode};
use serde_json::Value;

use super::ADDRESS;
use super::groups::{self, Group};
use super::live::Live;
use crate::client::{ApiError, Call};
use crate::connection_strings;
use crate::failure::{Failure, see_other};
use crate::fields::Fields;
use crate::filters;
use crate::page::{Notice, Page, Section, render, render_as};
use crate::policies;
use crate::portal::Inner;
use crate::refused::Refused;
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "endpoint/page.html")]
struct EndpointPage {
    page: Page,
    refused: Option<Refused>,
    name: String,
    endpoint: String,
    live: Live,
    managed: Option<Managed>,
    shown: Option<ShownString>,
    new_group: String,
}

/// What operators see besides.
struct Managed {
    retention_days: Option<u64>,
    policies: Vec<String>,
    groups: Vec<Group>,
}

/// A connection string that was asked for.
struct ShownString {
    policy: String,
    text: String,
}

impl Managed {
    async fn read(visit: &Visit) -> Result<Self, ApiError> {
        let hub: Value = visit.read(Call::resource(Method::GET, [])).await?;
        let endpoint = &hub["properties"]["eventHubEndpoints"]["events"];
        let groups = groups::read(visit).await?;
        let policies = policies::read(visit).await?;
        let readers = policies.all().iter();
        let readers = readers.filter(|policy| policy.grants("ServiceConnect"));
        Ok(Managed {
            retention_days: endpoint["retentionTimeInDays"].as_u64(),
            policies: readers.map(|policy| policy.key_name.clone()).collect(),
            groups,
        })
    }
}

impl EndpointPage {
    /// Everything on the page that no form has asked for.
    async fn load(visit: &Visit, portal: &Inner) -> Result<Self, Failure> {
        let live = Live::read(visit).await;
        let live = live.map_err(|error| visit.failed(error))?;
        let managed = match visit.rights().operator {
            true => {
                let managed = Managed::read(visit).await;
                Some(managed.map_err(|error| visit.failed(error))?)
            }
            false => None,
        };
        Ok(EndpointPage {
            page: visit.page(Section::Endpoint, "Built-in endpoint"),
            refused: None,
            name: portal.settings.hub.clone(),
            endpoint: format!("sb://{}/", portal.settings.host),
            live,
            managed,
            shown: None,
            new_group: String::new(),
        })
    }
}

/// `GET /portal/endpoint`
pub async fn show(visit: Visit, State(portal): State<Inner>) -> Result<Response, Failure> {
    Ok(render(&EndpointPage::load(&visit, &portal).await?))
}

/// `POST /portal/endpoint`: shows the connection string with a policy's key.
pub async fn show_string(
    visit: Visit,
    State(portal): State<Inner>,
    fields: Fields,
) -> Result<Response, Failure> {
    let policy = policies::read_one(&visit, fields.get("policy")).await;
    let policy = policy.map_err(|error| visit.failed(error))?;
    let settings = &portal.settings;
    let text = connection_strings::of_endpoint(settings, &policy.key_name, &policy.primary_key);
    let page = EndpointPage {
        shown: Some(ShownString {
            policy: policy.key_name,
            text,
        }),
        ..EndpointPage::load(&visit, &portal).await?
    };
    Ok(render(&page))
}

/// The API takes a group that there is for one that is added.
async fn try_to_add(visit: &Visit, group: &str) -> Result<(), Refused> {
    if group.is_empty() {
        return Err(Refused::invalid("Give the consumer group a name."));
    }
    let groups = groups::read(visit).await?;
    if groups
        .iter()
        .any(|known| known.name.eq_ignore_ascii_case(group))
    {
        return Err(Refused {
            status: StatusCode::CONFLICT,
            ..Refused::invalid(format!(
                "There is a consumer group {group} already. Choose another name."
            ))
        });
    }
    visit.call(groups::call(Method::PUT, group)).await?;
    Ok(())
}

/// `POST /portal/endpoint/groups`: one more consumer group.
pub async fn add_group(
    visit: Visit,
    State(portal): State<Inner>,
    fields: Fields,
) -> Result<Response, Failure> {
    let group = fields.get("group").trim();
    let Err(refused) = try_to_add(&visit, group).await else {
        visit.tell(Notice::done(format!("Consumer group {group} is added.")));
        return Ok(see_other(ADDRESS));
    };
    let status = refused.status;
    let page = EndpointPage {
        refused: Some(refused),
        new_group: group.to_owned(),
        ..EndpointPage::load(&visit, &portal).await?
    };
    Ok(render_as(status, &page))
}
