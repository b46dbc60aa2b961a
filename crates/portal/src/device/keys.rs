//! The keys of a device or module: shown when asked for, and rolled.
//!
//! A key is in a page only as the answer to a POST, so that none lies in a
//! history or an address.

use std::fmt;

use askama::Template;
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, Method, StatusCode, header};
use serde::Serialize;
use serde_json::{Value, json};
use twinhub_sas::{ConnectionString, Credential};

use crate::client::{ApiError, Call, Reply};
use crate::device::frame::{Frame, Tab, explained};
use crate::device::identity;
use crate::device::target::Target;
use crate::failure::{Failure, see_other};
use crate::fields::Asked;
use crate::key_roll::KeyRoll;
use crate::page::{Notice, Page, render_as};
use crate::refused::Refused;
use crate::visit::Visit;

/// The keys, and what clients connect with. Scripts read it as JSON.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeysView {
    /// One key.
    pub primary_key: String,
    /// The other.
    pub secondary_key: String,
    /// With the one.
    pub primary_connection_string: String,
    /// With the other.
    pub secondary_connection_string: String,
}

/// Keys don't show in logs.
impl fmt::Debug for KeysView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeysView")
    }
}

impl KeysView {
    /// Of an identity's document, for clients of the hub of that host name.
    fn of(document: &Value, target: &Target, host: &str) -> Self {
        let keys = &document["authentication"]["symmetricKey"];
        let primary = keys["primaryKey"].as_str().unwrap_or_default();
        let secondary = keys["secondaryKey"].as_str().unwrap_or_default();
        KeysView {
            primary_key: primary.to_owned(),
            secondary_key: secondary.to_owned(),
            primary_connection_string: connection_string(target, host, primary),
            secondary_connection_string: connection_string(target, host, secondary),
        }
    }
}

fn connection_string(target: &Target, host: &str, key: &str) -> String {
    let key = &Credential::SharedAccessKey(key.to_owned());
    let built = match &target.module {
        None => ConnectionString::for_device(host, &target.device, key),
        Some(module) => ConnectionString::for_module(host, &target.device, module, key),
    };
    built.map(|string| string.to_string()).unwrap_or_default()
}

fn sentence_of(roll: KeyRoll) -> &'static str {
    match roll {
        KeyRoll::Primary => "There is a new primary key.",
        KeyRoll::Secondary => "There is a new secondary key.",
        KeyRoll::Swap => "The keys are swapped.",
    }
}

#[derive(Template)]
#[template(path = "device/roll.html")]
struct RollPage {
    page: Page,
    frame: Frame,
    roll: KeyRoll,
    refused: Option<Refused>,
}

impl RollPage {
    /// What the button says.
    fn button(&self) -> &'static str {
        match self.roll {
            KeyRoll::Primary => "Roll primary key",
            KeyRoll::Secondary => "Roll secondary key",
            KeyRoll::Swap => "Swap keys",
        }
    }
}

/// `GET .../keys`: keys are shown when they are asked for.
pub async fn not_yet(target: Target) -> Response {
    see_other(&target.page(""))
}

/// `POST .../keys`: the page with the keys on it, or the keys for a script.
pub async fn show(visit: Visit, target: Target, headers: HeaderMap) -> Result<Response, Failure> {
    let reply = visit.call(Call::get(target.path("devices"))).await;
    let document = reply.and_then(|reply| reply.json());
    let document = document.map_err(|error| visit.failed(explained(error, &target)))?;
    let keys = KeysView::of(&document, &target, &visit.session().host);
    let is_script = headers
        .get(header::ACCEPT)
        .is_some_and(|accept| accept == "application/json");
    match is_script {
        true => Ok(Json(keys).into_response()),
        false => identity::with_keys(&visit, &target, keys).await,
    }
}

/// `GET .../roll?key=`: what will happen.
pub async fn ask(visit: Visit, target: Target, Asked(asked): Asked) -> Result<Response, Failure> {
    let roll = KeyRoll::asked(&visit, &asked)?;
    confirmation(&visit, &target, roll, None).await
}

/// `POST .../roll?key=`
pub async fn roll(visit: Visit, target: Target, Asked(asked): Asked) -> Result<Response, Failure> {
    let roll = KeyRoll::asked(&visit, &asked)?;
    let outcome = match roll {
        KeyRoll::Primary => regenerate(&visit, &target, "primaryKey").await,
        KeyRoll::Secondary => regenerate(&visit, &target, "secondaryKey").await,
        KeyRoll::Swap => swap(&visit, &target).await,
    };
    match outcome {
        Ok(()) => {
            visit.tell(Notice::done(sentence_of(roll)));
            Ok(see_other(&target.page("")))
        }
        Err(refused) => confirmation(&visit, &target, roll, Some(refused)).await,
    }
}

async fn confirmation(
    visit: &Visit,
    target: &Target,
    roll: KeyRoll,
    refused: Option<Refused>,
) -> Result<Response, Failure> {
    let frame = Frame::load(visit, target, Tab::Identity).await?;
    let status = Refused::status_of(refused.as_ref());
    let page = RollPage {
        page: frame.page(visit),
        frame,
        roll,
        refused,
    };
    Ok(render_as(status, &page))
}

async fn regenerate(visit: &Visit, target: &Target, key: &str) -> Result<(), Refused> {
    let mut item = json!({ "id": target.device });
    if let Some(module) = &target.module {
        item["moduleId"] = json!(module);
    }
    let call = Call::data(Method::POST, ["devices", "keys", "regenerate"])
        .json(&json!({ "policyKey": key, "devices": [item] }));
    let reply = visit.client().answer(call).await?;
    match refused_item(&reply) {
        Some(refused) => Err(explained(refused, target).into()),
        None => {
            reply.accepted()?.json()?;
            Ok(())
        }
    }
}

/// Why the identity keeps its key, if the answer tells of it; it need not.
fn refused_item(reply: &Reply) -> Option<ApiError> {
    let told = reply.json().ok()?;
    let error = told.pointer("/errors/0")?;
    let said = |member: &str| error[member].as_str().unwrap_or_default().to_owned();
    Some(ApiError::Refused {
        status: StatusCode::BAD_REQUEST,
        code: said("errorCode"),
        message: said("errorStatus"),
    })
}

/// Each key takes the other's place, unless somebody else writes meanwhile.
async fn swap(visit: &Visit, target: &Target) -> Result<(), Refused> {
    let mut document = identity::read(visit, target).await?;
    let etag = document["etag"].as_str().unwrap_or_default().to_owned();
    let keys = &mut document["authentication"]["symmetricKey"];
    *keys = json!({
        "primaryKey": keys["secondaryKey"],
        "secondaryKey": keys["primaryKey"],
    });
    let call = Call::data(Method::PUT, target.path("devices"))
        .if_match(&etag)
        .json(&document);
    visit.call(call).await.map_err(Refused::from)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_strings_are_those_of_the_identity() {
        let key = twinhub_sas::generate_key();
        let other = twinhub_sas::generate_key();
        let keys = json!({ "primaryKey": key, "secondaryKey": other });
        let document = json!({ "authentication": { "symmetricKey": keys } });

        let device = KeysView::of(&document, &Target::device("pump-7"), "hub");
        let module = KeysView::of(&document, &Target::module("pump-7", "sensor"), "hub");

        assert_eq!(
            device.primary_connection_string,
            format!("HostName=hub;DeviceId=pump-7;SharedAccessKey={key}")
        );
        assert_eq!(
            module.secondary_connection_string,
            format!("HostName=hub;DeviceId=pump-7;ModuleId=sensor;SharedAccessKey={other}")
        );
        assert_eq!(format!("{device:?}"), "KeysView");
    }

    #[test]
    fn a_refusal_need_not_tell_of_the_identity() {
        let reply = |body: &str| Reply {
            status: StatusCode::SERVICE_UNAVAILABLE,
            headers: HeaderMap::new(),
            body: body.to_owned().into(),
        };
        let item = r#"{"errors": [{"errorCode": "DeviceNotFound", "errorStatus": "gone"}]}"#;

        let refused = refused_item(&reply(item)).unwrap();

        assert_eq!(refused.code(), Some("DeviceNotFound"));
        assert!(refused_item(&reply(r#"{"errors": []}"#)).is_none());
        let plain = reply("not now");
        assert!(refused_item(&plain).is_none());
        let status = plain.accepted().unwrap_err().status();
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    }
}
