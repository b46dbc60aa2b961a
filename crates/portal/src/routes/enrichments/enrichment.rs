//! The form of an enrichment.

use askama::Template;
use axum::response::Response;

use super::{find, is_same};
use crate::failure::{Failure, see_other};
use crate::fields::{Asked, Fields};
use crate::page::{Notice, Page, Section, render, render_as};
use crate::problems::Problems;
use crate::routes::change;
use crate::routes::document::{self, Enrichment, Routing};
use crate::routes::not_saved::{Facts, NotSaved};
use crate::routes::tabs::Tab;
use crate::visit::Visit;

/// Which field a refusal is about, by its words.
const PLACES: [(&str, &str); 5] = [
    ("a key has", "key"),
    ("the key is given twice", "key"),
    ("names no endpoint", "endpoint"),
    ("leads to endpoint", "endpoint"),
    ("a value", "value"),
];

#[derive(Template)]
#[template(path = "routes/enrichments/enrichment.html")]
struct EnrichmentPage {
    page: Page,
    tab: Tab,
    enrichment: Enrichment,
    /// The endpoints, and whether it is for each.
    endpoints: Vec<(String, bool)>,
    /// The enrichment as it was shown; empty if it is a new one.
    seen: String,
    problems: Problems,
    /// What stands now, if it was not saved because of that.
    now: Facts,
}

impl EnrichmentPage {
    /// The form of one that was seen, or of a new one.
    fn new(
        visit: &Visit,
        routing: &Routing,
        enrichment: Enrichment,
        seen: Option<&Enrichment>,
    ) -> Self {
        let title = match seen {
            None => "Add enrichment".to_owned(),
            Some(_) => format!("Enrichment {}", enrichment.key),
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
            seen: change::seen(seen),
            problems: Problems::default(),
            now: Facts::new(),
        }
    }

    fn is_new(&self) -> bool {
        self.seen.is_empty()
    }
}

/// `GET /portal/routes/enrichment[?key=...&endpoint=...]`
pub async fn show(visit: Visit, Asked(asked): Asked) -> Result<Response, Failure> {
    let routing = document::read(&visit).await?;
    let stands = match asked.given("key") {
        None => None,
        Some(_) => Some(find(&visit, &routing, &asked)?),
    };
    let enrichment = stands.cloned().unwrap_or_default();
    let page = EnrichmentPage::new(&visit, &routing, enrichment, stands);
    Ok(render(&page))
}

/// `POST /portal/routes/enrichment`
pub async fn save(visit: Visit, fields: Fields) -> Result<Response, Failure> {
    let seen = change::was_seen::<Enrichment>(&fields);
    let wanted = enrichment_of(&fields);
    let change = change::change(&visit, |routing| {
        let wanted = Some(wanted.clone());
        let list = &mut routing.enrichments;
        change::put(list, |it| is_same(it, seen.as_ref()), seen.as_ref(), wanted)
    });
    let Err(error) = change.await else {
        let done = if seen.is_some() { "saved" } else { "added" };
        visit.tell(Notice::done(format!(
            "Enrichment {} is {done}.",
            wanted.key
        )));
        return Ok(see_other(Tab::Enrichments.href()));
    };
    let not_saved = NotSaved::of(error, seen, "enrichment", &PLACES, facts);
    let routing = document::read(&visit).await?;
    let page = EnrichmentPage {
        problems: not_saved.problems,
        now: not_saved.now,
        ..EnrichmentPage::new(&visit, &routing, wanted, not_saved.seen.as_ref())
    };
    Ok(render_as(page.problems.status(), &page))
}

fn enrichment_of(fields: &Fields) -> Enrichment {
    Enrichment {
        key: fields.get("key").trim().to_owned(),
        value: fields.get("value").to_owned(),
        endpoint_names: fields.all("endpoint").map(str::to_owned).collect(),
    }
}

/// What an enrichment is, for who compares it with what they typed.
fn facts(enrichment: &Enrichment) -> Facts {
    vec![
        ("Key".to_owned(), enrichment.key.clone()),
        ("Value".to_owned(), enrichment.value.clone()),
        ("Endpoints".to_owned(), enrichment.endpoint_names.join(", ")),
    ]
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
}
