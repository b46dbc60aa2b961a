//! A certificate of one more authority.

use askama::Template;
use axum::response::Response;
use http::{Method, StatusCode};

use super::{address, document};
use crate::client::Call;
use crate::failure::see_other;
use crate::fields::Fields;
use crate::page::{Notice, Page, Section, render_as};
use crate::refused::Refused;
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "certificates/new.html")]
struct NewPage {
    page: Page,
    refused: Option<Refused>,
    name: String,
    certificate: String,
    is_verified: bool,
}

/// `GET /portal/certificates/new`
pub async fn show(visit: Visit) -> Response {
    page(&visit, &Fields::default(), None)
}

/// `POST /portal/certificates/new`
pub async fn add(visit: Visit, fields: Fields) -> Response {
    let name = fields.get("name").trim();
    match try_to_add(&visit, name, &fields).await {
        Ok(()) => {
            visit.tell(Notice::done(format!("Certificate {name} is added.")));
            see_other(&address(name))
        }
        Err(refused) => page(&visit, &fields, Some(refused)),
    }
}

async fn try_to_add(visit: &Visit, name: &str, fields: &Fields) -> Result<(), Refused> {
    if name.is_empty() {
        return Err(Refused::invalid("Give the certificate a name."));
    }
    let body = document(fields);
    // Without If-Match one that is there is not replaced.
    let put = Call::resource(Method::PUT, ["certificates", name]).json(&body);
    let added = visit.call(put).await.map_err(Refused::from);
    added.map(|_| ()).map_err(|refused| match refused.status {
        StatusCode::PRECONDITION_FAILED => Refused {
            sentence: "There is a certificate of this name. Choose another name, or replace \
                       that one on its page."
                .to_owned(),
            ..refused
        },
        _ => refused,
    })
}

fn page(visit: &Visit, fields: &Fields, refused: Option<Refused>) -> Response {
    let status = Refused::status_of(refused.as_ref());
    let page = NewPage {
        page: visit.page(Section::Certificates, "Add certificate"),
        refused,
        name: fields.get("name").to_owned(),
        certificate: fields.get("certificate").to_owned(),
        is_verified: fields.is_ticked("verified"),
    };
    render_as(status, &page)
}
