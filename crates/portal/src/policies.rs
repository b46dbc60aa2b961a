//! Shared access policies: the list, a policy with its rights, and what is
//! done to its keys. Keys are in a page only when they were asked for.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::Method;

use crate::client::{ApiError, Call, encoded};
use crate::connection_strings;
use crate::failure::{Failure, see_other};
use crate::fields::{Asked, Fields};
use crate::key_roll::KeyRoll;
use crate::page::{Notice, Page, Section, render, render_as};
use crate::portal::Inner;
use crate::refused::Refused;
use crate::visit::Visit;

use self::policy::{Change, RIGHTS};
pub use self::policy::{Policies, Policy};
use self::seen::{change, change_shown, seen, seen_again, seen_by};

mod policy;
mod seen;

/// The pages.
pub fn routes() -> Router<Inner> {
    Router::new()
        .route("/portal/policies", get(list))
        .route("/portal/policies/new", get(show_new).post(add))
        .route("/portal/policies/policy", get(show).post(act))
        .route("/portal/policies/roll", get(show_roll).post(roll))
        .route("/portal/policies/delete", get(show_delete).post(delete))
}

#[derive(Template)]
#[template(path = "policies/list.html")]
struct ListPage {
    page: Page,
    policies: Policies,
}

#[derive(Template)]
#[template(path = "policies/new.html")]
struct NewPage {
    page: Page,
    refused: Option<Refused>,
    name: String,
    rights: Vec<RightBox>,
}

#[derive(Template)]
#[template(path = "policies/policy.html")]
struct PolicyPage {
    page: Page,
    refused: Option<Refused>,
    name: String,
    rights: Vec<RightBox>,
    keys: Option<Vec<ShownKey>>,
    seen: String,
}

#[derive(Template)]
#[template(path = "policies/roll.html")]
struct RollPage {
    page: Page,
    refused: Option<Refused>,
    name: String,
    key: KeyRoll,
    seen: String,
}

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

/// A right that a policy may have.
struct RightBox {
    right: &'static str,
    opens: &'static str,
    is_ticked: bool,
}

/// A key that was asked for.
struct ShownKey {
    id: &'static str,
    label: &'static str,
    key: String,
    connection_string: String,
}

fn boxes(is_ticked: impl Fn(&str) -> bool) -> Vec<RightBox> {
    let right_box = |(right, opens): (&'static str, &'static str)| RightBox {
        right,
        opens,
        is_ticked: is_ticked(right),
    };
    RIGHTS.into_iter().map(right_box).collect()
}

fn ticked(fields: &Fields) -> Vec<String> {
    fields.all("right").map(str::to_owned).collect()
}

fn address(name: &str) -> String {
    format!("/portal/policies/policy?name={}", encoded(name))
}

/// All policies, with their keys.
pub async fn read(visit: &Visit) -> Result<Policies, ApiError> {
    let call = Call::resource(Method::POST, ["listkeys"]);
    visit.call(call).await?.read()
}

async fn find(visit: &Visit, name: &str) -> Result<Policy, Failure> {
    let call = Call::resource(Method::POST, ["IotHubKeys", name, "listkeys"]);
    let found = visit.call(call).await.and_then(|reply| reply.read());
    found.map_err(|error| visit.failed(error))
}

/// `GET /portal/policies`
async fn list(visit: Visit) -> Result<Response, Failure> {
    let policies = read(&visit).await.map_err(|error| visit.failed(error))?;
    let page = visit.page(Section::Policies, "Shared access policies");
    Ok(render(&ListPage { page, policies }))
}

/// `GET /portal/policies/new`
async fn show_new(visit: Visit) -> Response {
    new_page(&visit, None, "", &[])
}

/// `POST /portal/policies/new`
async fn add(visit: Visit, fields: Fields) -> Response {
    let name = fields.get("name").trim().to_owned();
    let rights = ticked(&fields);
    let wanted = Change::Add {
        name: name.clone(),
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
            see_other(&address(&name))
        }
        Err(refused) => new_page(&visit, Some(refused), &name, &rights),
    }
}

fn new_page(visit: &Visit, refused: Option<Refused>, name: &str, rights: &[String]) -> Response {
    let status = Refused::status_of(refused.as_ref());
    let page = NewPage {
        page: visit.page(Section::Policies, "Add policy"),
        refused,
        name: name.to_owned(),
        rights: boxes(|right| rights.iter().any(|ticked| ticked == right)),
    };
    render_as(status, &page)
}

/// `GET /portal/policies/policy?name=`
async fn show(visit: Visit, Asked(asked): Asked) -> Result<Response, Failure> {
    let seen = seen_by(&visit).await?;
    let policy = find(&visit, asked.get("name")).await?;
    let page = PolicyPage {
        page: visit.page(Section::Policies, policy.key_name.clone()),
        refused: None,
        rights: boxes(|right| policy.lists(right)),
        name: policy.key_name,
        keys: None,
        seen,
    };
    Ok(render(&page))
}

/// `POST /portal/policies/policy?name=`: shows the keys, or changes the rights.
async fn act(
    visit: Visit,
    State(portal): State<Inner>,
    Asked(asked): Asked,
    fields: Fields,
) -> Result<Response, Failure> {
    let name = asked.get("name");
    if fields.get("do") == "rights" {
        return change_rights(&visit, name, &fields).await;
    }
    let seen = seen_by(&visit).await?;
    let policy = find(&visit, name).await?;
    let host = connection_strings::service_host(&portal.settings);
    let shown = |id, label, key: &str| ShownKey {
        id,
        label,
        key: key.to_owned(),
        connection_string: connection_strings::of_policy(&host, &policy.key_name, key),
    };
    let keys = vec![
        shown("primary", "primary", &policy.primary_key),
        shown("secondary", "secondary", &policy.secondary_key),
    ];
    let page = PolicyPage {
        page: visit.page(Section::Policies, policy.key_name.clone()),
        refused: None,
        rights: boxes(|right| policy.lists(right)),
        name: policy.key_name,
        keys: Some(keys),
        seen,
    };
    Ok(render(&page))
}

async fn change_rights(visit: &Visit, name: &str, fields: &Fields) -> Result<Response, Failure> {
    let rights = ticked(fields);
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
    let page = PolicyPage {
        page: visit.page(Section::Policies, name),
        name: name.to_owned(),
        rights: boxes(|right| rights.iter().any(|ticked| ticked == right)),
        keys: None,
        seen: seen_again(visit, fields, &refused).await?,
        refused: Some(refused),
    };
    Ok(render_as(Refused::status_of(page.refused.as_ref()), &page))
}

/// `GET /portal/policies/roll?name=&key=`: what will happen.
async fn show_roll(visit: Visit, Asked(asked): Asked) -> Result<Response, Failure> {
    let key = which(&visit, &asked)?;
    let seen = seen_by(&visit).await?;
    let policy = find(&visit, asked.get("name")).await?;
    Ok(roll_page(&visit, policy.key_name, key, seen, None))
}

/// `POST /portal/policies/roll?name=&key=`
async fn roll(visit: Visit, Asked(asked): Asked, fields: Fields) -> Result<Response, Failure> {
    let key = which(&visit, &asked)?;
    let name = asked.get("name").to_owned();
    let wanted = Change::Roll {
        name: name.clone(),
        key,
    };
    if let Err(refused) = change_shown(&visit, &fields, &wanted).await {
        let seen = seen_again(&visit, &fields, &refused).await?;
        return Ok(roll_page(&visit, name, key, seen, Some(refused)));
    }
    let done = match key {
        KeyRoll::Primary => format!("The primary key of policy {name} is new."),
        KeyRoll::Secondary => format!("The secondary key of policy {name} is new."),
        KeyRoll::Swap => format!("The keys of policy {name} have changed places."),
    };
    visit.tell(Notice::done(done));
    Ok(see_other(&address(&name)))
}

fn which(visit: &Visit, asked: &Fields) -> Result<KeyRoll, Failure> {
    KeyRoll::parse(asked.get("key"))
        .ok_or_else(|| Failure::invalid(visit, "the key is primary or secondary, or both to swap"))
}

fn roll_page(
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

/// `GET /portal/policies/delete?name=`: what will happen.
async fn show_delete(visit: Visit, Asked(asked): Asked) -> Result<Response, Failure> {
    let seen = seen_by(&visit).await?;
    delete_page(&visit, asked.get("name"), seen, None).await
}

/// `POST /portal/policies/delete?name=`
async fn delete(visit: Visit, Asked(asked): Asked, fields: Fields) -> Result<Response, Failure> {
    let name = asked.get("name").to_owned();
    let wanted = Change::Remove { name: name.clone() };
    if let Err(refused) = change_shown(&visit, &fields, &wanted).await {
        let seen = seen_again(&visit, &fields, &refused).await?;
        return delete_page(&visit, &name, seen, Some(refused)).await;
    }
    visit.tell(Notice::done(format!("Policy {name} is deleted.")));
    Ok(see_other("/portal/policies"))
}

async fn delete_page(
    visit: &Visit,
    name: &str,
    seen: String,
    refused: Option<Refused>,
) -> Result<Response, Failure> {
    let policy = find(visit, name).await?;
    let policies = read(visit).await.map_err(|error| visit.failed(error))?;
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
