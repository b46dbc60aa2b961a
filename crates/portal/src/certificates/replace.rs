//! A certificate takes the place of another, under the same name: an authority
//! goes on with a new certificate, and nothing else changes.

use askama::Template;
use axum::response::Response;
use http::{Method, StatusCode};

use super::authority::Authority;
use super::{address, document, find};
use crate::client::Call;
use crate::failure::{Failure, see_other};
use crate::fields::{Asked, Fields};
use crate::page::{Notice, Page, Section, render_as};
use crate::refused::Refused;
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "certificates/replace.html")]
struct ReplacePage {
    page: Page,
    refused: Option<Refused>,
    authority: Authority,
    certificate: String,
    is_verified: bool,
}

/// `GET /portal/certificates/replace?name=`
pub async fn show(visit: Visit, Asked(asked): Asked) -> Result<Response, Failure> {
    page(&visit, asked.get("name"), &Fields::default(), None).await
}

/// `POST /portal/certificates/replace?name=`: unless somebody else has changed
/// it since the page was shown.
pub async fn replace(
    visit: Visit,
    Asked(asked): Asked,
    fields: Fields,
) -> Result<Response, Failure> {
    let name = asked.get("name");
    let put = Call::resource(Method::PUT, ["certificates", name]);
    let put = put.if_match(fields.get("etag")).json(&document(&fields));
    let Err(error) = visit.call(put).await else {
        visit.tell(Notice::done(format!("Certificate {name} is replaced.")));
        return Ok(see_other(&address(name)));
    };
    let refused = match Refused::from(error) {
        stale if stale.status == StatusCode::PRECONDITION_FAILED => Refused {
            sentence: "Somebody else has changed this certificate meanwhile. What is there now \
                       stands here: send yours again to replace that."
                .to_owned(),
            ..stale
        },
        refused => refused,
    };
    page(&visit, name, &fields, Some(refused)).await
}

async fn page(
    visit: &Visit,
    name: &str,
    fields: &Fields,
    refused: Option<Refused>,
) -> Result<Response, Failure> {
    let authority = find(visit, name).await?;
    let status = Refused::status_of(refused.as_ref());
    let title = format!("Replace certificate {}", authority.name);
    let page = ReplacePage {
        page: visit.page(Section::Certificates, title),
        refused,
        authority,
        certificate: fields.get("certificate").to_owned(),
        is_verified: fields.is_ticked("verified"),
    };
    Ok(render_as(status, &page))
}
