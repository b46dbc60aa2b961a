//! A row of a query: a twin, and what it mirrors of its identity.
//!
//! The values are those that the back end sees when it reads the twin.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::path::{Path, Root};
use super::scalar::Scalar;
use crate::etag::Etag;
use crate::identities::{Authentication, AuthenticationKind, Identity, Standing, Status};
use crate::ids::HubName;
use crate::ports::{SectionRow, TwinRow};
use crate::presence::PresenceBook;
use crate::twins::Metadata;

/// The state of an identity that has a connection.
pub(super) const CONNECTED: &str = "Connected";
/// The state of all others.
pub(super) const DISCONNECTED: &str = "Disconnected";

/// What is at the paths of a twin.
pub(super) trait Cells {
    /// What conditions and folds see there.
    fn scalar(&self, path: &Path) -> Scalar<'_>;

    /// The elements, if an array is there.
    fn array(&self, path: &Path) -> Option<Cow<'_, Value>>;
}

/// A row of which nothing is known but what is at these paths, one for each.
pub(super) struct ValuesRow<'r> {
    pub paths: &'r [Path],
    pub values: &'r [Scalar<'r>],
}

impl Cells for ValuesRow<'_> {
    fn scalar(&self, path: &Path) -> Scalar<'_> {
        let place = self.paths.iter().position(|known| known.is_same_as(path));
        let value = place.and_then(|place| self.values.get(place));
        value.map_or(Scalar::Undefined, Scalar::borrowed)
    }

    /// Who looks into arrays is given whole rows.
    fn array(&self, _: &Path) -> Option<Cow<'_, Value>> {
        None
    }
}

impl Cells for Row<'_> {
    fn scalar(&self, path: &Path) -> Scalar<'_> {
        Scalar::of(self.get(path))
    }

    fn array(&self, path: &Path) -> Option<Cow<'_, Value>> {
        self.get(path).filter(|value| value.is_array())
    }
}

/// A row that is being looked at.
pub(super) struct Row<'r> {
    pub stored: &'r TwinRow,
    /// Unless the query has no use for it.
    pub standing: Option<Standing>,
}

impl<'r> Row<'r> {
    /// What is at a path; nothing if it leads nowhere.
    pub(super) fn get(&self, path: &Path) -> Option<Cow<'r, Value>> {
        match path.root {
            Root::Tags => of_object(self.stored.tags.as_ref()?, &path.keys),
            Root::Desired => of_section(self.stored.desired.as_ref()?, &path.keys),
            Root::Reported => of_section(self.stored.reported.as_ref()?, &path.keys),
            _ => of_member(self.member(path.root)?, &path.keys),
        }
    }

    fn member(&self, root: Root) -> Option<Value> {
        let stored = self.stored;
        Some(match root {
            Root::DeviceId => json!(stored.id.device_id().as_str()),
            Root::ModuleId => json!(stored.id.module_id()?.as_str()),
            Root::Etag => json!(Etag::from_counter(stored.etag).as_str()),
            Root::ModelId => json!(stored.model_id),
            Root::Version => json!(stored.version),
            Root::ConnectionState => json!(if self.standing?.presence.connected {
                CONNECTED
            } else {
                DISCONNECTED
            }),
            Root::LastActivityTime => {
                json!(self.standing?.presence.activity.last_activity.to_string())
            }
            Root::CloudToDeviceMessageCount => json!(self.standing?.queued_messages),
            Root::Properties => json!({
                "desired": of_section(stored.desired.as_ref()?, &[])?,
                "reported": of_section(stored.reported.as_ref()?, &[])?,
            }),
            Root::Tags | Root::Desired | Root::Reported | Root::Unknown => return None,
            Root::DeviceEtag
            | Root::Status
            | Root::StatusReason
            | Root::StatusUpdateTime
            | Root::AuthenticationType
            | Root::X509Thumbprint
            | Root::Capabilities
            | Root::DeviceScope
            | Root::ParentScopes => {
                return of_identity(&self.stored.identity.as_ref()?.identity.value, root);
            }
        })
    }
}

/// What a twin mirrors of its identity alone, by the member of a row; nothing
/// if it has none or if that is told by something else, such as connections.
pub fn of_identity(identity: &Identity, root: Root) -> Option<Value> {
    let device = match identity {
        Identity::Device(device) => Some(device),
        Identity::Module(_) => None,
    };
    Some(match root {
        Root::DeviceEtag => json!(identity.etag().as_str()),
        Root::AuthenticationType => json!(match identity.authentication().kind() {
            AuthenticationKind::Sas => "sas",
            AuthenticationKind::SelfSigned => "selfSigned",
            AuthenticationKind::CertificateAuthority => "certificateAuthority",
            AuthenticationKind::None => "none",
        }),
        Root::X509Thumbprint => thumbprints(identity.authentication()),
        Root::Status => json!(match device?.status {
            Status::Enabled => "enabled",
            Status::Disabled => "disabled",
        }),
        Root::StatusReason => json!(device?.status_reason.as_ref()?),
        Root::StatusUpdateTime => json!(device?.status_updated.to_string()),
        Root::Capabilities => json!({ "iotEdge": device?.edge }),
        Root::DeviceScope => json!(device?.scope.as_ref()?),
        Root::ParentScopes => {
            let scopes = &device?.parent_scopes;
            (!scopes.is_empty()).then(|| json!(scopes))?
        }
        Root::DeviceId
        | Root::ModuleId
        | Root::Etag
        | Root::ConnectionState
        | Root::LastActivityTime
        | Root::CloudToDeviceMessageCount
        | Root::ModelId
        | Root::Version
        | Root::Tags
        | Root::Properties
        | Root::Desired
        | Root::Reported
        | Root::Unknown => return None,
    })
}

/// What is known of whether the twin's owner is connected; nothing if the
/// query has no use for it.
pub(super) fn standing_of(
    presence: &PresenceBook,
    hub: &HubName,
    row: &TwinRow,
) -> Option<Standing> {
    let registered = row.identity.as_ref()?;
    let generation = registered.identity.value.generation();
    Some(Standing {
        presence: presence.of(hub, &row.id, generation, registered.activity),
        queued_messages: registered.queued_messages,
    })
}

fn thumbprints(authentication: &Authentication) -> Value {
    let (primary, secondary) = match authentication {
        Authentication::SelfSigned(thumbprints) => (
            thumbprints.primary.as_deref(),
            thumbprints.secondary.as_deref(),
        ),
        Authentication::Sas(_) | Authentication::CertificateAuthority | Authentication::None => {
            (None, None)
        }
    };
    json!({ "primaryThumbprint": primary, "secondaryThumbprint": secondary })
}

/// Steps into objects; there is no step into anything else.
fn step<'v>(from: &'v Value, keys: &[String]) -> Option<&'v Value> {
    keys.iter()
        .try_fold(from, |value, key| value.as_object()?.get(key))
}

fn of_member<'r>(member: Value, keys: &[String]) -> Option<Cow<'r, Value>> {
    if keys.is_empty() {
        return Some(Cow::Owned(member));
    }
    step(&member, keys).cloned().map(Cow::Owned)
}

fn of_object<'r>(object: &'r Map<String, Value>, keys: &[String]) -> Option<Cow<'r, Value>> {
    match keys.split_first() {
        None => Some(Cow::Owned(Value::Object(object.clone()))),
        Some((first, rest)) => step(object.get(first)?, rest).map(Cow::Borrowed),
    }
}

fn of_section<'r>(section: &'r SectionRow, keys: &[String]) -> Option<Cow<'r, Value>> {
    match keys.split_first() {
        None => {
            let mut whole = section.properties.clone();
            let metadata = section.metadata.as_ref()?.to_json();
            whole.insert("$metadata".to_owned(), metadata);
            whole.insert("$version".to_owned(), json!(section.version));
            Some(Cow::Owned(Value::Object(whole)))
        }
        Some((first, rest)) if first == "$version" => {
            rest.is_empty().then(|| Cow::Owned(json!(section.version)))
        }
        Some((first, rest)) if first == "$metadata" => {
            of_metadata(section.metadata.as_ref()?, rest).map(Cow::Owned)
        }
        Some(_) => of_object(&section.properties, keys),
    }
}

fn of_metadata(metadata: &Metadata, keys: &[String]) -> Option<Value> {
    let Some((first, rest)) = keys.split_first() else {
        return Some(metadata.to_json());
    };
    match (metadata.children.get(first), first.as_str(), rest) {
        (Some(child), _, rest) => of_metadata(child, rest),
        (None, "$lastUpdated", []) => Some(json!(metadata.last_updated.to_string())),
        (None, "$lastUpdatedVersion", []) => metadata.last_updated_version.map(Value::from),
        _ => None,
    }
}
