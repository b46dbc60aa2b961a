//! Enrichments: what events are stamped with on their way to an endpoint.
//!
//! Several may have the same key, each for other endpoints: a key and one of
//! its endpoints say which.

use axum::Router;
use axum::routing::get;

use super::document::{Enrichment, Routing};
use crate::failure::Failure;
use crate::fields::Fields;
use crate::portal::Inner;
use crate::visit::Visit;

mod delete;
mod enrichment;
mod list;

/// The pages below `/portal/routes`.
pub fn routes() -> Router<Inner> {
    Router::new()
        .route("/enrichments", get(list::show))
        .route("/enrichment", get(enrichment::show).post(enrichment::save))
        .route("/enrichment/delete", get(delete::show).post(delete::delete))
}

/// The one that an address means, or the page that says that it is not there.
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

/// Whether this is the one that was seen: it still stamps the key for one of
/// the endpoints.
fn is_same(enrichment: &Enrichment, seen: Option<&Enrichment>) -> bool {
    seen.is_some_and(|seen| {
        let mut endpoints = seen.endpoint_names.iter();
        endpoints.any(|endpoint| enrichment.stamps(&seen.key, endpoint))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
