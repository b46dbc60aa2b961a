//! A certificate, and the proof that its holder has its key.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::Method;
use serde_json::json;
use twinhub_core::time::Timestamp;

use super::authority::{Authority, Validity};
use super::{address, find};
use crate::client::Call;
use crate::failure::{Failure, see_other};
use crate::fields::{Asked, Fields};
use crate::page::{Notice, Page, Section, render, render_as};
use crate::portal::Inner;
use crate::refused::Refused;
use crate::visit::Visit;

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

/// `GET /portal/certificates/certificate?name=`
pub async fn show(
    visit: Visit,
    State(portal): State<Inner>,
    Asked(asked): Asked,
) -> Result<Response, Failure> {
    let authority = find(&visit, asked.get("name")).await?;
    Ok(render(&page(&visit, &portal, authority)))
}

fn page(visit: &Visit, portal: &Inner, authority: Authority) -> CertificatePage {
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
pub async fn act(
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
        ..page(&visit, &portal, find(&visit, name).await?)
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
    let generated = visit.read(generate).await;
    let authority: Authority = match generated {
        Ok(authority) => authority,
        Err(error) => {
            let refused = Refused::from(error);
            let status = refused.status;
            let page = CertificatePage {
                refused: Some(refused),
                ..page(visit, portal, find(visit, name).await?)
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
        ..page(visit, portal, authority)
    };
    Ok(render(&page))
}
