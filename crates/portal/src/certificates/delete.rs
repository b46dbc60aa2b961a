//! Deleting a certificate.

use askama::Template;
use axum::response::Response;
use http::Method;

use super::authority::Authority;
use super::find;
use crate::client::Call;
use crate::failure::{Failure, see_other};
use crate::fields::{Asked, Fields};
use crate::page::{Notice, Page, Section, render_as};
use crate::refused::Refused;
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "certificates/delete.html")]
struct DeletePage {
    page: Page,
    refused: Option<Refused>,
    authority: Authority,
}

/// `GET /portal/certificates/delete?name=`: what will happen.
pub async fn show(visit: Visit, Asked(asked): Asked) -> Result<Response, Failure> {
    let authority = find(&visit, asked.get("name")).await?;
    Ok(page(&visit, authority, None))
}

/// `POST /portal/certificates/delete?name=`
pub async fn delete(
    visit: Visit,
    Asked(asked): Asked,
    fields: Fields,
) -> Result<Response, Failure> {
    let name = asked.get("name");
    let delete = Call::resource(Method::DELETE, ["certificates", name]);
    if let Err(error) = visit.call(delete.if_match(fields.get("etag"))).await {
        let authority = find(&visit, name).await?;
        return Ok(page(&visit, authority, Some(error.into())));
    }
    visit.tell(Notice::done(format!("Certificate {name} is deleted.")));
    Ok(see_other("/portal/certificates"))
}

fn page(visit: &Visit, authority: Authority, refused: Option<Refused>) -> Response {
    let status = Refused::status_of(refused.as_ref());
    let title = format!("Delete certificate {}", authority.name);
    let page = DeletePage {
        page: visit.page(Section::Certificates, title),
        refused,
        authority,
    };
    render_as(status, &page)
}
