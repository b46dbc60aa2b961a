//! A line into an item.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::identities::{AuthenticationKind, AuthenticationSpec, BulkItem, BulkMode, Status};
use crate::ids::{DeviceId, InvalidId, ModuleId};
use crate::twins::{ImportedSection, ImportedTwin};

/// Why a line can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLine {
    /// It is longer than any identity.
    #[error("the line is too long")]
    TooLong,
    /// It is not a JSON document of the expected shape.
    #[error("the line can't be read: {0}")]
    Shape(String),
    /// It does not say whom it is about.
    #[error("the line has no id")]
    NoId,
    /// It says so, but not with an ID.
    #[error("{id:?} is not an id: {error}")]
    Id {
        /// What it says.
        id: String,
        /// What is wrong with it.
        error: InvalidId,
    },
    /// It does not say whether the device may connect.
    #[error("the line of {id:?} has no status")]
    NoStatus {
        /// Whom it is about.
        id: String,
    },
    /// Its mode is none of ours.
    #[error("{mode:?} is not an importMode")]
    Mode {
        /// Whom it is about.
        id: String,
        /// The mode.
        mode: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    id: Option<String>,
    module_id: Option<String>,
    #[serde(alias = "etag", alias = "ETag")]
    e_tag: Option<String>,
    import_mode: Option<String>,
    status: Option<LineStatus>,
    status_reason: Option<String>,
    #[serde(default)]
    authentication: Option<LineAuthentication>,
    capabilities: Option<Capabilities>,
    device_scope: Option<String>,
    parent_scopes: Option<Vec<String>>,
    managed_by: Option<String>,
    #[serde(rename = "twinETag", alias = "twinEtag")]
    twin_etag: Option<String>,
    tags: Option<Map<String, Value>>,
    properties: Option<Properties>,
}

#[derive(Deserialize)]
enum LineStatus {
    #[serde(rename = "enabled", alias = "Enabled")]
    Enabled,
    #[serde(rename = "disabled", alias = "Disabled")]
    Disabled,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Capabilities {
    iot_edge: Option<bool>,
}

#[derive(Default, Deserialize)]
struct Properties {
    desired: Option<Map<String, Value>>,
    reported: Option<Map<String, Value>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LineAuthentication {
    r#type: Option<LineKind>,
    symmetric_key: Option<Keys>,
    x509_thumbprint: Option<LineThumbprints>,
}

#[derive(Deserialize)]
enum LineKind {
    #[serde(rename = "sas", alias = "Sas")]
    Sas,
    #[serde(rename = "selfSigned", alias = "SelfSigned")]
    SelfSigned,
    #[serde(rename = "certificateAuthority", alias = "CertificateAuthority")]
    CertificateAuthority,
    #[serde(rename = "none", alias = "None")]
    None,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Keys {
    primary_key: Option<String>,
    secondary_key: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LineThumbprints {
    primary_thumbprint: Option<String>,
    secondary_thumbprint: Option<String>,
}

/// Reads a line.
pub fn parse(line: &[u8]) -> Result<BulkItem, InvalidLine> {
    let line: Line =
        serde_json::from_slice(line).map_err(|error| InvalidLine::Shape(told(&error)))?;
    let id = line.id.ok_or(InvalidLine::NoId)?;
    let invalid = |id: &str, error| InvalidLine::Id {
        id: id.to_owned(),
        error,
    };
    let device = DeviceId::parse(&id).map_err(|error| invalid(&id, error))?;
    let module = line.module_id.filter(|module| !module.is_empty());
    let module = module
        .map(|module| ModuleId::parse(&module).map_err(|error| invalid(&module, error)))
        .transpose()?;
    let mode = mode(line.import_mode, &id)?;
    let status = line.status.ok_or(InvalidLine::NoStatus { id })?;
    let properties = line.properties.unwrap_or_default();
    Ok(BulkItem {
        device,
        module,
        mode,
        etag: line.e_tag.map(unquoted),
        twin_etag: line.twin_etag.map(unquoted),
        status: Some(match status {
            LineStatus::Enabled => Status::Enabled,
            LineStatus::Disabled => Status::Disabled,
        }),
        status_reason: line.status_reason,
        authentication: line.authentication.unwrap_or_default().into(),
        edge: line.capabilities.and_then(|c| c.iot_edge).unwrap_or(false),
        scope: line.device_scope,
        parent_scopes: line.parent_scopes.unwrap_or_default(),
        managed_by: line.managed_by,
        twin: ImportedTwin {
            tags: line.tags,
            desired: properties.desired.map(ImportedSection::from_json),
            reported: properties.reported.map(ImportedSection::from_json),
        },
    })
}

/// Where in the line, without the line's own text: it may hold keys.
fn told(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Data => "a member has a value of the wrong kind",
        serde_json::error::Category::Eof => "it ends too early",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => "it is not JSON",
    };
    format!("{what}, at column {}", error.column())
}

fn mode(mode: Option<String>, id: &str) -> Result<BulkMode, InvalidLine> {
    let Some(mode) = mode else {
        return Ok(BulkMode::CreateOrUpdate);
    };
    BulkMode::parse(&mode).ok_or_else(|| InvalidLine::Mode {
        id: id.to_owned(),
        mode,
    })
}

fn unquoted(etag: String) -> String {
    match etag.strip_prefix('"').and_then(|e| e.strip_suffix('"')) {
        Some(bare) => bare.to_owned(),
        None => etag,
    }
}

impl From<LineAuthentication> for AuthenticationSpec {
    fn from(line: LineAuthentication) -> Self {
        let keys = line.symmetric_key.unwrap_or_default();
        let thumbprints = line.x509_thumbprint.unwrap_or_default();
        AuthenticationSpec {
            kind: line.r#type.map(|kind| match kind {
                LineKind::Sas => AuthenticationKind::Sas,
                LineKind::SelfSigned => AuthenticationKind::SelfSigned,
                LineKind::CertificateAuthority => AuthenticationKind::CertificateAuthority,
                LineKind::None => AuthenticationKind::None,
            }),
            primary_key: keys.primary_key,
            secondary_key: keys.secondary_key,
            primary_thumbprint: thumbprints.primary_thumbprint,
            secondary_thumbprint: thumbprints.secondary_thumbprint,
        }
    }
}
