//! The built-in endpoint: where telemetry is read, by whom, and how far behind
//! they are. Operators get connection strings and change consumer groups.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use http::Method;
use serde::Deserialize;
use serde_json::Value;

use crate::client::{ApiError, Call};
use crate::connection_strings;
use crate::failure::{Failure, see_other};
use crate::fields::{Asked, Fields};
use crate::moment::Moment;
use crate::page::{Notice, Page, Section, render, render_as};
use crate::policies;
use crate::portal::Inner;
use crate::refused::Refused;
use crate::visit::Visit;

use self::live::Live;

mod live;

/// Consumer groups as resources.
const GROUPS: [&str; 3] = ["eventHubEndpoints", "events", "ConsumerGroups"];
/// The group that is always there.
const DEFAULT_GROUP: &str = "$Default";

/// The pages.
pub fn routes() -> Router<Inner> {
    Router::new()
        .route("/portal/endpoint", get(show).post(show_string))
        .route("/portal/endpoint/live", get(show_live))
        .route("/portal/endpoint/groups", post(add_group))
        .route(
            "/portal/endpoint/groups/delete",
            get(show_delete).post(delete),
        )
}

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

#[derive(Template)]
#[template(path = "endpoint/live.html")]
struct LivePart {
    live: Live,
}

#[derive(Template)]
#[template(path = "endpoint/delete_group.html")]
struct DeletePage {
    page: Page,
    refused: Option<Refused>,
    group: String,
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

#[derive(Debug, Deserialize)]
struct Groups {
    value: Vec<Group>,
}

/// A consumer group.
#[derive(Debug, Deserialize)]
struct Group {
    name: String,
    properties: GroupProperties,
}

#[derive(Debug, Deserialize)]
struct GroupProperties {
    created: Option<Moment>,
}

impl Group {
    fn is_default(&self) -> bool {
        self.name == DEFAULT_GROUP
    }
}

async fn live(visit: &Visit) -> Result<Live, ApiError> {
    let partitions = visit.call(Call::get(["twinhub", "v1", "partitions"]));
    let partitions = partitions.await?.read()?;
    let status = visit.call(Call::get(["twinhub", "v1", "status"])).await?;
    let bytes = status.json()?["storage"]["eventsBytes"].as_u64();
    Ok(Live::of(partitions, bytes))
}

async fn managed(visit: &Visit) -> Result<Managed, ApiError> {
    let hub = visit.call(Call::resource(Method::GET, [])).await?.json()?;
    let groups = visit.call(Call::resource(Method::GET, GROUPS)).await?;
    let groups: Groups = groups.read()?;
    let policies = policies::read(visit).await?;
    let readers = policies.all().iter();
    let readers = readers.filter(|policy| policy.grants("ServiceConnect"));
    Ok(Managed {
        retention_days: retention_days(&hub),
        policies: readers.map(|policy| policy.key_name.clone()).collect(),
        groups: groups.value,
    })
}

fn retention_days(hub: &Value) -> Option<u64> {
    hub["properties"]["eventHubEndpoints"]["events"]["retentionTimeInDays"].as_u64()
}

/// Everything on the page that no form has asked for.
async fn endpoint_page(visit: &Visit, portal: &Inner) -> Result<EndpointPage, Failure> {
    let live = live(visit).await.map_err(|error| visit.failed(error))?;
    let managed = match visit.rights().operator {
        true => {
            let managed = managed(visit).await;
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

/// `GET /portal/endpoint`
async fn show(visit: Visit, State(portal): State<Inner>) -> Result<Response, Failure> {
    Ok(render(&endpoint_page(&visit, &portal).await?))
}

/// `GET /portal/endpoint/live`: the part that is refreshed.
async fn show_live(visit: Visit) -> Result<Response, Failure> {
    let live = live(&visit).await.map_err(|error| visit.failed(error))?;
    Ok(render(&LivePart { live }))
}

/// `POST /portal/endpoint`: shows the connection string with a policy's key.
async fn show_string(
    visit: Visit,
    State(portal): State<Inner>,
    fields: Fields,
) -> Result<Response, Failure> {
    let name = fields.get("policy");
    let call = Call::resource(Method::POST, ["IotHubKeys", name, "listkeys"]);
    let policy = visit.call(call).await.and_then(|reply| reply.read());
    let policy: policies::Policy = policy.map_err(|error| visit.failed(error))?;
    let settings = &portal.settings;
    let text = connection_strings::of_endpoint(settings, &policy.key_name, &policy.primary_key);
    let page = EndpointPage {
        shown: Some(ShownString {
            policy: policy.key_name,
            text,
        }),
        ..endpoint_page(&visit, &portal).await?
    };
    Ok(render(&page))
}

fn group_call(method: Method, group: &str) -> Call {
    let [endpoints, events, groups] = GROUPS;
    Call::resource(method, [endpoints, events, groups, group])
}

/// `POST /portal/endpoint/groups`
async fn add_group(
    visit: Visit,
    State(portal): State<Inner>,
    fields: Fields,
) -> Result<Response, Failure> {
    let group = fields.get("group").trim();
    let added = match group {
        "" => Err(Refused::invalid("Give the consumer group a name.")),
        group => visit
            .call(group_call(Method::PUT, group))
            .await
            .map_err(Refused::from),
    };
    let Err(refused) = added else {
        visit.tell(Notice::done(format!("Consumer group {group} is added.")));
        return Ok(see_other("/portal/endpoint"));
    };
    let status = refused.status;
    let page = EndpointPage {
        refused: Some(refused),
        new_group: group.to_owned(),
        ..endpoint_page(&visit, &portal).await?
    };
    Ok(render_as(status, &page))
}

/// `GET /portal/endpoint/groups/delete?group=`: what will happen.
async fn show_delete(visit: Visit, Asked(asked): Asked) -> Result<Response, Failure> {
    let group = asked.get("group");
    let found = visit.call(group_call(Method::GET, group)).await;
    found.map_err(|error| visit.failed(error))?;
    Ok(delete_page(&visit, group, None))
}

/// `POST /portal/endpoint/groups/delete?group=`
async fn delete(visit: Visit, Asked(asked): Asked) -> Response {
    let group = asked.get("group");
    match visit.call(group_call(Method::DELETE, group)).await {
        Ok(_) => {
            visit.tell(Notice::done(format!("Consumer group {group} is deleted.")));
            see_other("/portal/endpoint")
        }
        Err(error) => delete_page(&visit, group, Some(error.into())),
    }
}

fn delete_page(visit: &Visit, group: &str, refused: Option<Refused>) -> Response {
    let status = Refused::status_of(refused.as_ref());
    let page = DeletePage {
        page: visit.page(Section::Endpoint, format!("Delete consumer group {group}")),
        refused,
        group: group.to_owned(),
    };
    render_as(status, &page)
}
