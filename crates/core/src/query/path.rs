//! Paths: what of a row a query names.

use crate::ports::Parts;

/// The member of a row that a path begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// `deviceId`
    DeviceId,
    /// `moduleId`
    ModuleId,
    /// `etag`: the twin's.
    Etag,
    /// `deviceEtag`: the identity's.
    DeviceEtag,
    /// `status`
    Status,
    /// `statusReason`
    StatusReason,
    /// `statusUpdateTime`
    StatusUpdateTime,
    /// `connectionState`
    ConnectionState,
    /// `lastActivityTime`
    LastActivityTime,
    /// `cloudToDeviceMessageCount`
    CloudToDeviceMessageCount,
    /// `authenticationType`
    AuthenticationType,
    /// `x509Thumbprint`
    X509Thumbprint,
    /// `modelId`
    ModelId,
    /// `version`
    Version,
    /// `tags`
    Tags,
    /// `properties`, both sections.
    Properties,
    /// `properties.desired`
    Desired,
    /// `properties.reported`
    Reported,
    /// `capabilities`
    Capabilities,
    /// `deviceScope`
    DeviceScope,
    /// `parentScopes`
    ParentScopes,
    /// A name that no row has: undefined in all.
    Unknown,
}

/// Where a value is in a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// The member it begins with.
    pub root: Root,
    /// The keys below it.
    pub keys: Vec<String>,
    /// What a column of it is called.
    pub name: String,
}

/// The names of the roots but those of sections; Explorer asks for
/// `statusUpdatedTime`, as identities call it.
const ROOTS: &[(&str, Root)] = &[
    ("deviceId", Root::DeviceId),
    ("moduleId", Root::ModuleId),
    ("etag", Root::Etag),
    ("deviceEtag", Root::DeviceEtag),
    ("status", Root::Status),
    ("statusReason", Root::StatusReason),
    ("statusUpdateTime", Root::StatusUpdateTime),
    ("statusUpdatedTime", Root::StatusUpdateTime),
    ("connectionState", Root::ConnectionState),
    ("lastActivityTime", Root::LastActivityTime),
    ("cloudToDeviceMessageCount", Root::CloudToDeviceMessageCount),
    ("authenticationType", Root::AuthenticationType),
    ("x509Thumbprint", Root::X509Thumbprint),
    ("modelId", Root::ModelId),
    ("version", Root::Version),
    ("tags", Root::Tags),
    ("properties", Root::Properties),
    ("capabilities", Root::Capabilities),
    ("deviceScope", Root::DeviceScope),
    ("parentScopes", Root::ParentScopes),
];

impl Path {
    /// The path of these segments, of which there is at least one. The names
    /// of roots and sections match in any case, keys below them do not. The
    /// name of what is queried may stand in front.
    pub(super) fn of(mut segments: Vec<String>) -> Self {
        drop_source(&mut segments);
        let first = segments.remove(0);
        let known = ROOTS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(&first));
        let (first, mut root) = match known {
            Some((name, root)) => ((*name).to_owned(), *root),
            None => (first, Root::Unknown),
        };
        let mut name = first;
        if root == Root::Properties && !segments.is_empty() {
            let section = segments.remove(0);
            (name, root) = match section.to_ascii_lowercase().as_str() {
                "desired" => ("desired".to_owned(), Root::Desired),
                "reported" => ("reported".to_owned(), Root::Reported),
                _ => (section, Root::Unknown),
            };
        }
        let name = segments.last().cloned().unwrap_or(name);
        Path {
            root,
            keys: segments,
            name,
        }
    }

    /// Whether both lead to the same value.
    pub fn is_same_as(&self, other: &Path) -> bool {
        self.root == other.root && self.keys == other.keys
    }

    /// The parts of a stored twin that it leads into.
    pub fn parts(&self) -> Parts {
        match self.root {
            Root::DeviceId
            | Root::ModuleId
            | Root::Etag
            | Root::ModelId
            | Root::Version
            | Root::Unknown => Parts::empty(),
            Root::DeviceEtag
            | Root::Status
            | Root::StatusReason
            | Root::StatusUpdateTime
            | Root::ConnectionState
            | Root::LastActivityTime
            | Root::CloudToDeviceMessageCount
            | Root::AuthenticationType
            | Root::X509Thumbprint
            | Root::Capabilities
            | Root::DeviceScope
            | Root::ParentScopes => Parts::IDENTITY,
            Root::Tags => Parts::TAGS,
            Root::Desired => Parts::DESIRED | self.metadata(Parts::DESIRED_METADATA),
            Root::Reported => Parts::REPORTED | self.metadata(Parts::REPORTED_METADATA),
            Root::Properties => {
                Parts::DESIRED
                    | Parts::DESIRED_METADATA
                    | Parts::REPORTED
                    | Parts::REPORTED_METADATA
            }
        }
    }

    /// A section as a whole shows its metadata, too.
    fn metadata(&self, part: Parts) -> Parts {
        match self.keys.first().map(String::as_str) {
            None | Some("$metadata") => part,
            Some(_) => Parts::empty(),
        }
    }
}

/// `devices.deviceId` and `devices.modules.moduleId` are `deviceId` and
/// `moduleId`.
fn drop_source(segments: &mut Vec<String>) {
    let is = |segment: Option<&String>, name: &str| {
        segment.is_some_and(|segment| segment.eq_ignore_ascii_case(name))
    };
    if segments.len() > 1 && is(segments.first(), "devices") {
        segments.remove(0);
        let nested = is(segments.first(), "modules") || is(segments.first(), "jobs");
        if segments.len() > 1 && nested {
            segments.remove(0);
        }
    }
}
