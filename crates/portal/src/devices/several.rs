//! Changes of several devices at once: asked for in the list, confirmed on a
//! page that names them, told of one by one.

use std::collections::HashSet;

use askama::Template;
use axum::response::Response;
use serde_json::{Value, json};

use super::bulk::{self, Failed, MAX_ITEMS};
use super::pager::way_back;
use super::{outcome, require_write};
use crate::client::Call;
use crate::failure::{Failure, see_other};
use crate::fields::Fields;
use crate::page::{Notice, Page, Section, render};
use crate::visit::Visit;

/// What can be done to several devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// They may connect.
    Enable,
    /// They may not, and are disconnected.
    Disable,
    /// They are gone.
    Delete,
}

impl Change {
    /// The word on the button.
    pub fn verb(self) -> &'static str {
        match self {
            Change::Enable => "Enable",
            Change::Disable => "Disable",
            Change::Delete => "Delete",
        }
    }

    /// What becomes of a device.
    fn done(self) -> &'static str {
        match self {
            Change::Enable => "enabled",
            Change::Disable => "disabled",
            Change::Delete => "deleted",
        }
    }

    /// Where forms send it.
    pub fn action(self) -> &'static str {
        match self {
            Change::Enable => "/portal/devices/enable",
            Change::Disable => "/portal/devices/disable",
            Change::Delete => "/portal/devices/delete",
        }
    }

    fn is_deletion(self) -> bool {
        self == Change::Delete
    }

    /// The item of a bulk call for an identity as it was read.
    fn item(self, identity: &Value, reason: Option<&str>) -> Value {
        // An update replaces everything, so all that shall stay goes with it.
        let mut item = json!({
            "id": identity["deviceId"],
            "eTag": identity["etag"],
            "importMode": "updateIfMatchETag",
            "status": self.done(),
            "statusReason": reason,
        });
        for stays in [
            "authentication",
            "capabilities",
            "deviceScope",
            "parentScopes",
        ] {
            if let Some(value) = identity.get(stays) {
                item[stays] = value.clone();
            }
        }
        item
    }
}

#[derive(Template)]
#[template(path = "devices/confirm.html")]
struct ConfirmPage {
    page: Page,
    change: Change,
    ids: Vec<String>,
    back: String,
}

/// `POST /portal/devices/enable`
pub async fn enable(visit: Visit, fields: Fields) -> Result<Response, Failure> {
    change(&visit, &fields, Change::Enable).await
}

/// `POST /portal/devices/disable`
pub async fn disable(visit: Visit, fields: Fields) -> Result<Response, Failure> {
    change(&visit, &fields, Change::Disable).await
}

/// `POST /portal/devices/delete`
pub async fn delete(visit: Visit, fields: Fields) -> Result<Response, Failure> {
    change(&visit, &fields, Change::Delete).await
}

async fn change(visit: &Visit, fields: &Fields, change: Change) -> Result<Response, Failure> {
    require_write(visit)?;
    let (ids, back) = (ids_of(fields), way_back(fields));
    if ids.is_empty() {
        let verb = change.verb();
        visit.tell(Notice::error(format!(
            "No device is selected. Tick those to {}, then choose {verb}.",
            verb.to_lowercase()
        )));
        return Ok(see_other(&back));
    }
    if ids.len() > MAX_ITEMS {
        let sentence = format!(
            "at most {MAX_ITEMS} devices can be changed at once, {} are selected",
            ids.len()
        );
        return Err(Failure::invalid(visit, &sentence));
    }
    if !fields.is_ticked("confirmed") {
        return Ok(render(&ConfirmPage {
            page: visit.page(
                Section::Devices,
                format!("{} {}", change.verb(), count(ids.len())),
            ),
            change,
            ids,
            back,
        }));
    }
    let mut failed = Vec::new();
    let items = match change {
        Change::Delete => deletions(&ids),
        Change::Enable | Change::Disable => {
            updates(visit, &ids, change, fields.given("reason"), &mut failed).await
        }
    };
    let refused = bulk::send(visit, &items).await;
    failed.extend(refused.map_err(|error| visit.failed(error))?);
    let done = ids.len().saturating_sub(failed.len());
    if failed.is_empty() {
        visit.tell(Notice::done(sentence(change, &ids)));
        return Ok(see_other(&back));
    }
    let told = (change.done(), Some(change));
    Ok(outcome::show(visit, told, done, failed, back))
}

/// Those that are ticked, each once.
fn ids_of(fields: &Fields) -> Vec<String> {
    let mut seen = HashSet::new();
    let ids = fields.all("id").filter(|id| !id.is_empty());
    ids.filter(|id| seen.insert(*id))
        .map(str::to_owned)
        .collect()
}

fn deletions(ids: &[String]) -> Vec<Value> {
    ids.iter()
        .map(|id| json!({ "id": id, "importMode": "delete" }))
        .collect()
}

/// What is read can have changed until it is written: the ETag tells.
async fn updates(
    visit: &Visit,
    ids: &[String],
    change: Change,
    reason: Option<&str>,
    failed: &mut Vec<Failed>,
) -> Vec<Value> {
    let mut items = Vec::new();
    for id in ids {
        let read = match visit.call(Call::get(["devices", id])).await {
            Ok(reply) => reply.json(),
            Err(error) => Err(error),
        };
        match read {
            Ok(identity) => items.push(change.item(&identity, reason)),
            Err(error) => failed.push(Failed::of(id, &error)),
        }
    }
    items
}

fn sentence(change: Change, ids: &[String]) -> String {
    match ids {
        [id] => format!("Device {id} is {}.", change.done()),
        ids => format!("{} devices are {}.", ids.len(), change.done()),
    }
}

/// So many devices.
pub fn count(devices: usize) -> String {
    match devices {
        1 => "1 device".to_owned(),
        devices => format!("{devices} devices"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_keeps_all_but_the_status() {
        let identity = json!({
            "deviceId": "pump-7", "etag": "MTI=", "generationId": "1", "status": "enabled",
            "statusReason": "new", "connectionState": "Connected",
            "authentication": {"type": "sas", "symmetricKey": {"primaryKey": "a"}},
            "capabilities": {"iotEdge": true}, "deviceScope": "own", "parentScopes": ["parent"],
        });

        let item = Change::Disable.item(&identity, Some("leaks"));

        assert_eq!(
            item,
            json!({
                "id": "pump-7", "eTag": "MTI=", "importMode": "updateIfMatchETag",
                "status": "disabled", "statusReason": "leaks",
                "authentication": {"type": "sas", "symmetricKey": {"primaryKey": "a"}},
                "capabilities": {"iotEdge": true}, "deviceScope": "own",
                "parentScopes": ["parent"],
            })
        );
    }

    #[test]
    fn a_device_that_is_ticked_twice_is_changed_once() {
        let fields = Fields::parse(b"csrf=x&id=a&id=b&id=a&id=");

        assert_eq!(ids_of(&fields), ["a", "b"]);
    }
}
