//! Certificates of the authorities that issue devices' certificates: the list,
//! adding one, proving that one holds its key, replacing and deleting one.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use twinhub_core::time::Timestamp;

use crate::client::{ApiError, Call, encoded};
use crate::failure::{Failure, see_other};
use crate::fields::{Asked, Fields};
use crate::page::{Notice, Page, Section, render, render_as};
use crate::portal::Inner;
use crate::refused::Refused;
use crate::visit::Visit;

use self::authority::{Authorities, Authority, Validity};

mod authority;
mod replace;

/// The pages.
pub fn routes() -> Router<Inner> {
    Router::new()
        .route("/portal/certificates", get(list))
        .route("/portal/certificates/new", get(show_new).post(add))
        .route("/portal/certificates/certificate", get(show).post(act))
        .route(
            "/portal/certificates/replace",
            get(replace::ask).post(replace::replace),
        )
        .route("/portal/certificates/delete", get(show_delete).post(delete))
}

#[derive(Template)]
#[template(path = "certificates/list.html")]
struct ListPage {
    page: Page,
    authorities: Vec<Authority>,
    now: Timestamp,
    has_own: bool,
}

#[derive(Template)]
#[template(path = "certificates/new.html")]
struct NewPage {
    page: Page,
    refused: Option<Refused>,
    name: String,
    certificate: String,
    is_verified: bool,
}

#[derive(Template)]
#[template(path = "certificates/certificate.html")]
struct CertificatePage {
    page: Page,
    refused: Option<Refused>,
    authority: Authority,
    now: Timestamp,
    code: String,
    proof: String,
}

#[derive(Template)]
#[template(path = "certificates/delete.html")]
struct DeletePage {
    page: Page,
    refused: Option<Refused>,
    authority: Authority,
}

fn address(name: &str) -> String {
    format!("/portal/certificates/certificate?name={}", encoded(name))
}

async fn find(visit: &Visit, name: &str) -> Result<Authority, Failure> {
    let call = Call::resource(Method::GET, ["certificates", name]);
    let found = visit.call(call).await.and_then(|reply| reply.read());
    found.map_err(|error: ApiError| visit.failed(error))
}

/// `GET /portal/certificates`
async fn list(visit: Visit, State(portal): State<Inner>) -> Result<Response, Failure> {
    let call = Call::resource(Method::GET, ["certificates"]);
    let found = visit.call(call).await.and_then(|reply| reply.read());
    let found: Authorities = found.map_err(|error| visit.failed(error))?;
    let page = ListPage {
        page: visit.page(Section::Certificates, "Certificates"),
        authorities: found.value,
        now: portal.settings.clock.now(),
        has_own: portal.settings.authority.is_some(),
    };
    Ok(render(&page))
}

/// `GET /portal/certificates/new`
async fn show_new(visit: Visit) -> Response {
    new_page(&visit, &Fields::default(), None)
}

/// `POST /portal/certificates/new`
async fn add(visit: Visit, fields: Fields) -> Response {
    let name = fields.get("name").trim();
    match try_to_add(&visit, name, &fields).await {
        Ok(()) => {
            visit.tell(Notice::done(format!("Certificate {name} is added.")));
            see_other(&address(name))
        }
        Err(refused) => new_page(&visit, &fields, Some(refused)),
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

/// What the resource provider takes.
fn document(fields: &Fields) -> Value {
    json!({ "properties": {
        "certificate": fields.get("certificate"),
        "isVerified": fields.is_ticked("verified"),
    }})
}

fn new_page(visit: &Visit, fields: &Fields, refused: Option<Refused>) -> Response {
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

/// `GET /portal/certificates/certificate?name=`
async fn show(
    visit: Visit,
    State(portal): State<Inner>,
    Asked(asked): Asked,
) -> Result<Response, Failure> {
    let authority = find(&visit, asked.get("name")).await?;
    Ok(render(&certificate_page(&visit, &portal, authority)))
}

fn certificate_page(visit: &Visit, portal: &Inner, authority: Authority) -> CertificatePage {
    CertificatePage {
        page: visit.page(Section::Certificates, authority.name.clone()),
        refused: None,
        authority,
        now: portal.settings.clock.now(),
        code: String::new(),
        proof: String::new(),
    }
}

/// `POST /portal/certificates/certificate?name=`: makes a verification code, or
/// takes the certificate that has it.
async fn act(
    visit: Visit,
    State(portal): State<Inner>,
    Asked(asked): Asked,
    fields: Fields,
) -> Result<Response, Failure> {
    let name = asked.get("name");
    if fields.get("do") == "code" {
        return generate_code(&visit, &portal, name, &fields).await;
    }
    let body = json!({ "certificate": fields.get("proof") });
    let verify = Call::resource(Method::POST, ["certificates", name, "verify"]);
    let verify = verify.if_match(fields.get("etag")).json(&body);
    let Err(error) = visit.call(verify).await else {
        visit.tell(Notice::done(format!("Certificate {name} is verified.")));
        return Ok(see_other(&address(name)));
    };
    let refused = Refused::from(error);
    let status = refused.status;
    let page = CertificatePage {
        refused: Some(refused),
        // The hub tells the code once, so the form carries it on.
        code: fields.get("code").to_owned(),
        proof: fields.get("proof").to_owned(),
        ..certificate_page(&visit, &portal, find(&visit, name).await?)
    };
    Ok(render_as(status, &page))
}

async fn generate_code(
    visit: &Visit,
    portal: &Inner,
    name: &str,
    fields: &Fields,
) -> Result<Response, Failure> {
    let path = ["certificates", name, "generateVerificationCode"];
    let generate = Call::resource(Method::POST, path).if_match(fields.get("etag"));
    let generated = visit.call(generate).await.and_then(|reply| reply.read());
    let authority: Authority = match generated {
        Ok(authority) => authority,
        Err(error) => {
            let refused = Refused::from(error);
            let status = refused.status;
            let page = CertificatePage {
                refused: Some(refused),
                ..certificate_page(visit, portal, find(visit, name).await?)
            };
            return Ok(render_as(status, &page));
        }
    };
    let page = CertificatePage {
        code: authority
            .properties
            .verification_code
            .clone()
            .unwrap_or_default(),
        ..certificate_page(visit, portal, authority)
    };
    Ok(render(&page))
}

/// `GET /portal/certificates/delete?name=`: what will happen.
async fn show_delete(visit: Visit, Asked(asked): Asked) -> Result<Response, Failure> {
    let authority = find(&visit, asked.get("name")).await?;
    Ok(delete_page(&visit, authority, None))
}

/// `POST /portal/certificates/delete?name=`
async fn delete(visit: Visit, Asked(asked): Asked, fields: Fields) -> Result<Response, Failure> {
    let name = asked.get("name");
    let delete = Call::resource(Method::DELETE, ["certificates", name]);
    if let Err(error) = visit.call(delete.if_match(fields.get("etag"))).await {
        let authority = find(&visit, name).await?;
        return Ok(delete_page(&visit, authority, Some(error.into())));
    }
    visit.tell(Notice::done(format!("Certificate {name} is deleted.")));
    Ok(see_other("/portal/certificates"))
}

fn delete_page(visit: &Visit, authority: Authority, refused: Option<Refused>) -> Response {
    let status = Refused::status_of(refused.as_ref());
    let title = format!("Delete certificate {}", authority.name);
    let page = DeletePage {
        page: visit.page(Section::Certificates, title),
        refused,
        authority,
    };
    render_as(status, &page)
}
