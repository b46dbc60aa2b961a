//! Changes of several devices at once: asked for in the list, confirmed on a
//! page that names them, told of one by one.

use std::collections::HashSet;

use askama::Template;
use axum::response::Response;
use serde_json::{Value, json};

use super::bulk::{self, Failed, MAX_ITEMS};
use super::outcome;
use super::pager::way_back;
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

    /// Whether it is done already: a page that is loaded anew asks again, and
    /// has ETags of before.
    fn is_done(self, identity: &Value, etag: &str, reason: Option<&str>) -> bool {
        let has_reason = reason.is_none_or(|reason| identity["statusReason"] == reason);
        identity["etag"] != etag && identity["status"] == self.done() && has_reason
    }

    /// The item of a bulk call for an identity as it was read, if it is still
    /// the one that was shown. Without a reason the one that is there stays.
    fn item(self, identity: &Value, etag: &str, reason: Option<&str>) -> Value {
        // An update replaces everything, so all that shall stay goes with it.
        let mut item = json!({
            "id": identity["deviceId"],
            "eTag": etag,
            "importMode": "updateIfMatchETag",
            "status": self.done(),
            "statusReason": identity["statusReason"],
        });
        if let Some(reason) = reason {
            item["statusReason"] = Value::from(reason);
        }
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
    devices: Vec<Shown>,
    back: String,
}

/// A device as the page of confirmation shows it.
struct Shown {
    id: String,
    /// Its ETag, or why there is none.
    read: Result<String, Failed>,
}

impl Shown {
    /// The field that carries its ETag.
    fn field(&self) -> String {
        etag_field(&self.id)
    }
}

/// The field of a form with the ETag of a device as it was shown.
fn etag_field(id: &str) -> String {
    format!("etag {id}")
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
            devices: shown(visit, &ids).await,
            back,
        }));
    }
    let mut failed = Vec::new();
    let items = items(visit, change, &ids, fields, &mut failed).await;
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

async fn read(visit: &Visit, id: &str) -> Result<Value, Failed> {
    let read = visit.call(Call::get(["devices", id])).await;
    let read = read.and_then(|reply| reply.json());
    read.map_err(|error| Failed::of(id, &error))
}

async fn shown(visit: &Visit, ids: &[String]) -> Vec<Shown> {
    let mut devices = Vec::new();
    for id in ids {
        let etag = |identity: Value| identity["etag"].as_str().unwrap_or_default().to_owned();
        devices.push(Shown {
            id: id.clone(),
            read: read(visit, id).await.map(etag),
        });
    }
    devices
}

/// What is asked of the hub: each device as it was shown. Those that were not,
/// and are not there, are added to the failed.
async fn items(
    visit: &Visit,
    change: Change,
    ids: &[String],
    fields: &Fields,
    failed: &mut Vec<Failed>,
) -> Vec<Value> {
    let mut items = Vec::new();
    for id in ids {
        let item = match (change, fields.get(&etag_field(id))) {
            (Change::Delete, etag) if !etag.is_empty() => Ok(deletion(id, etag)),
            (_, etag) => match read(visit, id).await {
                Ok(_) if etag.is_empty() => Err(Failed::not_as_shown(id)),
                Ok(identity) if change.is_done(&identity, etag, fields.given("reason")) => continue,
                Ok(identity) => Ok(change.item(&identity, etag, fields.given("reason"))),
                Err(error) => Err(error),
            },
        };
        match item {
            Ok(item) => items.push(item),
            Err(error) => failed.push(error),
        }
    }
    items
}

fn deletion(id: &str, etag: &str) -> Value {
    json!({ "id": id, "eTag": etag, "importMode": "deleteIfMatchETag" })
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

        let item = Change::Disable.item(&identity, "MTI=", Some("leaks"));

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
    fn what_is_so_already_is_not_asked_for_again() {
        let identity = json!({"etag": "2", "status": "disabled", "statusReason": "leaks"});

        assert!(Change::Disable.is_done(&identity, "1", None));
        assert!(Change::Disable.is_done(&identity, "1", Some("leaks")));
        assert!(!Change::Disable.is_done(&identity, "1", Some("rusty")));
        assert!(!Change::Disable.is_done(&identity, "2", None), "as shown");
        assert!(!Change::Enable.is_done(&identity, "1", None));
    }

    #[test]
    fn a_reason_stays_until_another_is_given() {
        let identity = json!({"deviceId": "a", "etag": "2", "statusReason": "leaks"});

        let item = Change::Enable.item(&identity, "1", None);

        assert_eq!(item["statusReason"], "leaks");
        assert_eq!(
            item["eTag"], "1",
            "what was shown counts, not what was read"
        );
    }

    #[test]
    fn a_device_that_is_ticked_twice_is_changed_once() {
        let fields = Fields::parse(b"csrf=x&id=a&id=b&id=a&id=");

        assert_eq!(ids_of(&fields), ["a", "b"]);
    }
}
