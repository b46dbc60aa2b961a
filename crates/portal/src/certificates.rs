//! Certificates of the authorities that issue devices' certificates.
//!
//! | Module | What it holds |
//! |---|---|
//! | `authority` | a certificate as the resource provider has it |
//! | `list`, `new`, `certificate`, `replace`, `delete` | the pages |

use axum::Router;
use axum::routing::get;
use http::Method;
use serde_json::{Value, json};

use crate::client::{Call, encoded};
use crate::failure::Failure;
use crate::fields::Fields;
use crate::portal::Inner;
use crate::visit::Visit;

use self::authority::Authority;

mod authority;
mod certificate;
mod delete;
mod list;
mod new;
mod replace;

/// The pages.
pub fn routes() -> Router<Inner> {
    Router::new()
        .route("/portal/certificates", get(list::show))
        .route("/portal/certificates/new", get(new::show).post(new::add))
        .route(
            "/portal/certificates/certificate",
            get(certificate::show).post(certificate::act),
        )
        .route(
            "/portal/certificates/replace",
            get(replace::show).post(replace::replace),
        )
        .route(
            "/portal/certificates/delete",
            get(delete::show).post(delete::delete),
        )
}

/// The page of a certificate.
fn address(name: &str) -> String {
    format!("/portal/certificates/certificate?name={}", encoded(name))
}

/// A certificate, or the page that says that it is not there.
async fn find(visit: &Visit, name: &str) -> Result<Authority, Failure> {
    let call = Call::resource(Method::GET, ["certificates", name]);
    visit.read(call).await.map_err(|error| visit.failed(error))
}

/// What the resource provider takes.
fn document(fields: &Fields) -> Value {
    json!({ "properties": {
        "certificate": fields.get("certificate"),
        "isVerified": fields.is_ticked("verified"),
    }})
}
