//! A line into an item.

use serde::Deserialize;
use serde_json::error::Category;
use serde_json::{Map, Value};

use super::members::{AuthenticationInput, CapabilitiesInput, StatusInput};
use crate::identities::{BulkItem, BulkMode};
use crate::ids::{DeviceId, InvalidId, ModuleId};
use crate::twins::{ImportedSection, ImportedTwin};

/// A line that can't be read, and whom it is about, as far as it says so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct InvalidLine {
    /// The device, as the line has it.
    pub device: Option<String>,
    /// The module, as the line has it.
    pub module: Option<String>,
    /// What is wrong.
    pub problem: LineProblem,
}

/// Why a line can't be read. Never with text of the line that may be a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineProblem {
    /// It is longer than any identity.
    #[error("the line is too long")]
    TooLong,
    /// It is no JSON object.
    #[error("the line can't be read: {what}, at column {column}")]
    Json {
        /// What is wrong with it.
        what: &'static str,
        /// Where.
        column: usize,
    },
    /// A member is what it can't be.
    #[error("{0} has a value of the wrong kind")]
    Kind(String),
    /// A member is there twice.
    #[error("a member is there twice")]
    Twice,
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
    #[error("the line has no status")]
    NoStatus,
    /// Its mode is none of ours.
    #[error("{0:?} is not an importMode")]
    Mode(String),
}

impl InvalidLine {
    /// A line that says nothing.
    pub fn unread(problem: LineProblem) -> Self {
        InvalidLine {
            device: None,
            module: None,
            problem,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    id: Option<String>,
    module_id: Option<String>,
    #[serde(alias = "etag", alias = "ETag")]
    e_tag: Option<String>,
    #[serde(alias = "ImportMode", alias = "importmode")]
    import_mode: Option<String>,
    status: Option<StatusInput>,
    status_reason: Option<String>,
    authentication: Option<AuthenticationInput>,
    capabilities: Option<CapabilitiesInput>,
    device_scope: Option<String>,
    parent_scopes: Option<Vec<String>>,
    managed_by: Option<String>,
    #[serde(rename = "twinETag", alias = "twinEtag", alias = "TwinETag")]
    twin_etag: Option<String>,
    tags: Option<Map<String, Value>>,
    properties: Option<Properties>,
}

#[derive(Default, Deserialize)]
struct Properties {
    desired: Option<Map<String, Value>>,
    reported: Option<Map<String, Value>>,
}

/// Reads a line.
pub fn parse(line: &[u8]) -> Result<BulkItem, InvalidLine> {
    let line: Line = serde_json::from_slice(line).map_err(|error| misread(line, &error))?;
    let (device, module) = (line.id.clone(), line.module_id.clone());
    item(line).map_err(|problem| InvalidLine {
        device,
        module,
        problem,
    })
}

fn item(line: Line) -> Result<BulkItem, LineProblem> {
    let id = line.id.ok_or(LineProblem::NoId)?;
    let device = DeviceId::parse(&id).map_err(|error| LineProblem::Id { id, error })?;
    let module = line.module_id.map(|id| {
        let module = ModuleId::parse(&id);
        module.map_err(|error| LineProblem::Id { id, error })
    });
    let properties = line.properties.unwrap_or_default();
    Ok(BulkItem {
        device,
        module: module.transpose()?,
        mode: match line.import_mode {
            None => BulkMode::CreateOrUpdate,
            Some(mode) => BulkMode::parse(&mode).ok_or(LineProblem::Mode(mode))?,
        },
        etag: line.e_tag.map(unquoted),
        twin_etag: line.twin_etag.map(unquoted),
        status: Some(line.status.ok_or(LineProblem::NoStatus)?.into()),
        status_reason: line.status_reason,
        authentication: line.authentication.unwrap_or_default().into(),
        edge: line.capabilities.unwrap_or_default().edge(),
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

/// What is wrong with a line, without the line's own text: it may hold keys.
fn misread(line: &[u8], error: &serde_json::Error) -> InvalidLine {
    // A name that is no text is told as wrong syntax: only reading it tells.
    if let Ok(members) = serde_json::from_slice::<Map<String, Value>>(line) {
        return misfit(members);
    }
    let what = match error.classify() {
        Category::Data => "it is no JSON object",
        Category::Eof => "it ends too early",
        Category::Syntax | Category::Io => "it is not JSON",
    };
    let column = error.column();
    InvalidLine::unread(LineProblem::Json { what, column })
}

/// Which member of an object keeps it from being a line.
fn misfit(members: Map<String, Value>) -> InvalidLine {
    let text = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
    let (device, module) = (text("id"), text("moduleId"));
    let does_not_fit = |(name, value): (String, Value)| {
        let alone = Value::Object(Map::from_iter([(name.clone(), value)]));
        Line::deserialize(alone).is_err().then_some(name)
    };
    let misfit = members.into_iter().find_map(does_not_fit);
    InvalidLine {
        device,
        module,
        problem: misfit.map_or(LineProblem::Twice, LineProblem::Kind),
    }
}

fn unquoted(etag: String) -> String {
    match etag.strip_prefix('"').and_then(|e| e.strip_suffix('"')) {
        Some(bare) => bare.to_owned(),
        None => etag,
    }
}
