//! Authorities.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use twinhub_core::certificates::{Authority, Certificate, CertificateName};
use twinhub_core::time::Timestamp;

use super::{DocumentRow, FORMAT};
use crate::records::{from_json, to_json};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    name: String,
    /// DER in base64.
    certificate: String,
    verified: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// Ticks.
    created: i64,
    /// Ticks.
    updated: i64,
    version: u64,
}

pub(in crate::records) fn encode(authority: &Authority) -> DocumentRow {
    let doc = Document {
        name: authority.name.as_str().to_owned(),
        certificate: STANDARD.encode(authority.certificate.der()),
        verified: authority.verified,
        code: authority.code.clone(),
        created: authority.created.ticks(),
        updated: authority.updated.ticks(),
        version: authority.version,
    };
    DocumentRow {
        format: FORMAT,
        doc: to_json(&doc),
    }
}

pub(in crate::records) fn decode(row: &DocumentRow) -> Option<Authority> {
    let doc: Document = from_json(&row.doc)?;
    let der = STANDARD.decode(doc.certificate).ok()?;
    Some(Authority {
        name: CertificateName::parse(&doc.name).ok()?,
        certificate: Certificate::from_der(&der).ok()?,
        verified: doc.verified,
        code: doc.code,
        created: Timestamp::from_ticks(doc.created),
        updated: Timestamp::from_ticks(doc.updated),
        version: doc.version,
    })
}
