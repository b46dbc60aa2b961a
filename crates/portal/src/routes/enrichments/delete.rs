//! Deleting an enrichment.

use askama::Template;
use axum::response::Response;

use super::{find, is_same};
use crate::failure::{Failure, see_other};
use crate::fields::{Asked, Fields};
use crate::page::{Notice, Page, Section, render_as};
use crate::problems::Problems;
use crate::routes::change;
use crate::routes::document::{self, Enrichment};
use crate::routes::not_saved::changed_before_deletion;
use crate::routes::tabs::Tab;
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "routes/enrichments/delete.html")]
struct DeletePage {
    page: Page,
    tab: Tab,
    enrichment: Enrichment,
    seen: String,
    problems: Problems,
}

/// `GET /portal/routes/enrichment/delete?key=...&endpoint=...`: what will happen.
pub async fn show(visit: Visit, Asked(asked): Asked) -> Result<Response, Failure> {
    let routing = document::read(&visit).await?;
    let enrichment = find(&visit, &routing, &asked)?;
    Ok(page(&visit, enrichment.clone(), Problems::default()))
}

/// `POST /portal/routes/enrichment/delete`
pub async fn delete(visit: Visit, fields: Fields) -> Result<Response, Failure> {
    let seen = change::shown::<Enrichment>(&visit, &fields)?;
    let deletion = change::delete(&visit, |routing| {
        let list = &mut routing.enrichments;
        change::put(list, |it| is_same(it, Some(&seen)), Some(&seen), None)
    });
    match deletion.await {
        Ok(None) => {
            visit.tell(Notice::done(format!("Enrichment {} is deleted.", seen.key)));
            Ok(see_other(Tab::Enrichments.href()))
        }
        Ok(Some(now)) => Ok(page(&visit, now, changed_before_deletion("enrichment"))),
        Err(error) => Err(visit.failed(error)),
    }
}

fn page(visit: &Visit, enrichment: Enrichment, problems: Problems) -> Response {
    let title = format!("Delete enrichment {}?", enrichment.key);
    let page = DeletePage {
        page: visit.page(Section::Routes, title),
        tab: Tab::Enrichments,
        seen: change::seen(Some(&enrichment)),
        enrichment,
        problems,
    };
    render_as(page.problems.status(), &page)
}
