//! Enrichments, and the form of one.
//!
//! Several may have the same key, each for other endpoints: a key and one of
//! its endpoints say which.

use askama::Template;
use axum::response::Response;

use super::document::{self, Enrichment, NotChanged, Routing, Stale};
use super::problems::Problems;
use super::tabs::Tab;
use crate::failure::{Failure, see_other};
use crate::fields::{Asked, Fields};
use crate::page::{Notice, Page, Section, render, render_as};
use crate::visit::Visit;

const LIST: &str = "/portal/routes/enrichments";
/// Which field a refusal is about, by its words.
const PLACES: [(&str, &str); 5] = [
    ("a key has", "key"),
    ("the key is given twice", "key"),
    ("names no endpoint", "endpoint"),
    ("leads to endpoint", "endpoint"),
    ("a value", "value"),
];

#[derive(Template)]
#[template(path = "routes/enrichments.html")]
struct EnrichmentsPage {
    page: Page,
    tab: Tab,
    enrichments: Vec<Enrichment>,
}

/// `GET /portal/routes/enrichments`
pub async fn show(visit: Visit) -> Result<Response, Failure> {
    let routing = read(&visit).await?;
    Ok(render(&EnrichmentsPage {
        page: visit.page(Section::Routes, "Message routing"),
        tab: Tab::Enrichments,
        enrichments: routing.enrichments,
    }))
}

async fn read(visit: &Visit) -> Result<Routing, Failure> {
    let read = document::read(visit).await;
    read.map_err(|error| visit.failed(error))
}

#[derive(Template)]
#[template(path = "routes/enrichment.html")]
struct EnrichmentPage {
    page: Page,
    tab: Tab,
    enrichment: Enrichment,
    /// The endpoints, and whether it is for each.
    endpoints: Vec<(String, bool)>,
    /// The enrichment as it was shown; empty if it is a new one.
    seen: String,
    problems: Problems,
}

impl EnrichmentPage {
    fn new(visit: &Visit, enrichment: Enrichment, seen: String, routing: &Routing) -> Self {
        let title = match seen.is_empty() {
            true => "Add enrichment".to_owned(),
            false => format!("Enrichment {}", enrichment.key),
        };
        let endpoints = routing.destinations().into_iter().map(|name| {
            let is_chosen = enrichment.stamps(&enrichment.key, &name);
            (name, is_chosen)
        });
        EnrichmentPage {
            page: visit.page(Section::Routes, title),
            tab: Tab::Enrichments,
            endpoints: endpoints.collect(),
            enrichment,
            seen,
            problems: Problems::default(),
        }
    }

    fn is_new(&self) -> bool {
        self.seen.is_empty()
    }
}

/// `GET /portal/routes/enrichment[?key=...&endpoint=...]`
pub async fn edit(visit: Visit, Asked(asked): Asked) -> Result<Response, Failure> {
    let routing = read(&visit).await?;
    let enrichment = match asked.given("key") {
        None => None,
        Some(_) => Some(find(&visit, &routing, &asked)?),
    };
    let seen = document::seen(enrichment);
    let enrichment = enrichment.cloned().unwrap_or_default();
    Ok(render(&EnrichmentPage::new(
        &visit, enrichment, seen, &routing,
    )))
}

fn find<'r>(
    visit: &Visit,
    routing: &'r Routing,
    asked: &Fields,
) -> Result<&'r Enrichment, Failure> {
    let (key, endpoint) = (asked.get("key"), asked.get("endpoint"));
    let mut enrichments = routing.enrichments.iter();
    let found = enrichments.find(|enrichment| enrichment.stamps(key, endpoint));
    found.ok_or_else(|| {
        let sentence = format!(
            "the hub has no enrichment {key} for endpoint {endpoint}; it may have been deleted"
        );
        Failure::missing(visit, &sentence)
    })
}

/// `POST /portal/routes/enrichment`
pub async fn save(visit: Visit, fields: Fields) -> Result<Response, Failure> {
    let seen = document::was_seen::<Enrichment>(fields.get("seen"));
    let wanted = enrichment_of(&fields);
    let change = document::change(&visit, |routing| {
        let wanted = Some(wanted.clone());
        let list = &mut routing.enrichments;
        document::put(list, |it| is_same(it, seen.as_ref()), seen.as_ref(), wanted)
    });
    let Err(error) = change.await else {
        let done = if seen.is_some() { "saved" } else { "added" };
        visit.tell(Notice::done(format!(
            "Enrichment {} is {done}.",
            wanted.key
        )));
        return Ok(see_other(LIST));
    };
    let problems = Problems::of_change(&error, "enrichment", &PLACES, facts);
    let seen = match &error {
        NotChanged::Stale(stale) => document::seen(stale.now.as_ref()),
        NotChanged::Refused(_) => fields.get("seen").to_owned(),
    };
    let routing = read(&visit).await?;
    let mut page = EnrichmentPage::new(&visit, wanted, seen, &routing);
    page.problems = problems;
    Ok(render_as(page.problems.status, &page))
}

fn enrichment_of(fields: &Fields) -> Enrichment {
    Enrichment {
        key: fields.get("key").trim().to_owned(),
        value: fields.get("value").to_owned(),
        endpoint_names: fields.all("endpoint").map(str::to_owned).collect(),
    }
}

/// Whether this is the one that was seen: it still stamps the key for one of
/// the endpoints.
fn is_same(enrichment: &Enrichment, seen: Option<&Enrichment>) -> bool {
    seen.is_some_and(|seen| {
        let mut endpoints = seen.endpoint_names.iter();
        endpoints.any(|endpoint| enrichment.stamps(&seen.key, endpoint))
    })
}

/// What an enrichment is, for who compares it with what they typed.
fn facts(enrichment: &Enrichment) -> Vec<(String, String)> {
    vec![
        ("Key".to_owned(), enrichment.key.clone()),
        ("Value".to_owned(), enrichment.value.clone()),
        ("Endpoints".to_owned(), enrichment.endpoint_names.join(", ")),
    ]
}

#[derive(Template)]
#[template(path = "routes/delete_enrichment.html")]
struct DeletePage {
    page: Page,
    tab: Tab,
    enrichment: Enrichment,
    seen: String,
    problems: Problems,
}

impl DeletePage {
    fn new(visit: &Visit, enrichment: Enrichment) -> Self {
        let title = format!("Delete enrichment {}?", enrichment.key);
        DeletePage {
            page: visit.page(Section::Routes, title),
            tab: Tab::Enrichments,
            seen: document::seen(Some(&enrichment)),
            enrichment,
            problems: Problems::default(),
        }
    }
}

/// `GET /portal/routes/enrichment/delete?key=...&endpoint=...`
pub async fn ask_to_delete(visit: Visit, Asked(asked): Asked) -> Result<Response, Failure> {
    let routing = read(&visit).await?;
    let enrichment = find(&visit, &routing, &asked)?;
    Ok(render(&DeletePage::new(&visit, enrichment.clone())))
}

/// `POST /portal/routes/enrichment/delete`
pub async fn delete(visit: Visit, fields: Fields) -> Result<Response, Failure> {
    let seen = document::shown::<Enrichment>(&visit, &fields)?;
    let change = document::change(&visit, |routing| {
        let list = &mut routing.enrichments;
        document::put(list, |it| is_same(it, Some(&seen)), Some(&seen), None)
    });
    match change.await {
        // What is gone need not be deleted.
        Ok(()) | Err(NotChanged::Stale(Stale { now: None })) => {
            visit.tell(Notice::done(format!("Enrichment {} is deleted.", seen.key)));
            Ok(see_other(LIST))
        }
        Err(NotChanged::Stale(Stale { now: Some(now) })) => {
            let mut page = DeletePage::new(&visit, now);
            page.problems = Problems::changed_before_deletion("enrichment");
            Ok(render_as(page.problems.status, &page))
        }
        Err(NotChanged::Refused(error)) => Err(visit.failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_becomes_an_enrichment() {
        let fields = Fields::parse(b"key=+site&value=%24twin.tags.site&endpoint=a&endpoint=b");

        let enrichment = enrichment_of(&fields);

        assert_eq!(enrichment.key, "site");
        assert_eq!(enrichment.value, "$twin.tags.site");
        assert_eq!(enrichment.endpoint_names, ["a", "b"]);
    }

    #[test]
    fn of_those_with_one_key_the_one_with_the_same_endpoint_is_meant() {
        let of = |endpoints: &[&str]| Enrichment {
            key: "site".to_owned(),
            value: "x".to_owned(),
            endpoint_names: endpoints.iter().map(|name| (*name).to_owned()).collect(),
        };
        let seen = of(&["a", "b"]);

        assert!(is_same(&of(&["b", "c"]), Some(&seen)));
        assert!(!is_same(&of(&["c"]), Some(&seen)));
        assert!(!is_same(&of(&["a"]), None));
    }
}
