//! Bulk calls, and what they tell of each device.

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::client::{ApiError, Call};
use crate::failure::as_sentence;
use crate::visit::Visit;

/// The most devices that the hub takes in one call.
pub const MAX_ITEMS: usize = 100;
/// The most bytes that the hub takes in one call.
const MAX_BYTES: usize = 8 * 1024 * 1024;
const JSON: &str = "application/json; charset=utf-8";

/// Something to be done to a device, which is written as the item of a call.
pub trait Item: Serialize {
    /// The device.
    fn id(&self) -> &str;
}

impl Item for Value {
    fn id(&self) -> &str {
        self["id"].as_str().unwrap_or_default()
    }
}

/// A device that was not done.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failed {
    /// Its ID.
    #[serde(rename = "deviceId")]
    pub id: String,
    /// The hub's name for the error.
    #[serde(rename = "errorCode")]
    pub code: String,
    /// What the hub says.
    #[serde(rename = "errorStatus")]
    message: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BulkDocument {
    errors: Vec<Failed>,
}

impl Failed {
    /// A device that the API refused on its own.
    pub fn of(id: &str, error: &ApiError) -> Self {
        Failed {
            id: id.to_owned(),
            code: error.code().unwrap_or_default().to_owned(),
            message: error.to_string(),
        }
    }

    /// A device that is another than who asked for the change has seen.
    pub fn not_as_shown(id: &str) -> Self {
        Failed {
            id: id.to_owned(),
            code: "PreconditionFailed".to_owned(),
            message: String::new(),
        }
    }

    /// Why, as a sentence.
    pub fn sentence(&self) -> String {
        match self.code.as_str() {
            // The hub says no more of it than its ID.
            "DeviceNotFound" => "It is not registered, or not any more.".to_owned(),
            "PreconditionFailed" => {
                "Somebody else has changed it meanwhile. Look at it, and try again.".to_owned()
            }
            _ => as_sentence(&self.message),
        }
    }
}

/// Does items, as many as there are; those that were not done. If a call is
/// refused as a whole, what came before it is done, and the rest is not.
///
/// One call's text is in memory at a time.
pub async fn send(visit: &Visit, items: &[impl Item]) -> Result<Vec<Failed>, ApiError> {
    let mut failed = Vec::new();
    let mut rest = items;
    while !rest.is_empty() {
        let (body, taken) = first_call(rest, MAX_BYTES).map_err(ApiError::Unexpected)?;
        match one_call(visit, body).await {
            Ok(told) => failed.extend(told),
            Err(error) if rest.len() == items.len() => return Err(error),
            Err(error) => {
                failed.extend(rest.iter().map(|item| Failed::of(item.id(), &error)));
                break;
            }
        }
        rest = rest.get(taken..).unwrap_or_default();
    }
    Ok(failed)
}

/// The body of a call with as many of the first items as it may have, and how
/// many those are: one at least.
fn first_call(items: &[impl Item], max_bytes: usize) -> serde_json::Result<(Vec<u8>, usize)> {
    let mut body = vec![b'['];
    let mut taken = 0;
    for item in items.iter().take(MAX_ITEMS) {
        let before = body.len();
        if taken > 0 {
            body.push(b',');
        }
        serde_json::to_writer(&mut body, item)?;
        if taken > 0 && body.len() >= max_bytes {
            body.truncate(before);
            break;
        }
        taken += 1;
    }
    body.push(b']');
    Ok((body, taken))
}

async fn one_call(visit: &Visit, items: Vec<u8>) -> Result<Vec<Failed>, ApiError> {
    let call = Call::data(Method::POST, ["devices"]).body(JSON, items);
    let reply = visit.client().answer(call).await?;
    match reply.read::<BulkDocument>() {
        Ok(told) => Ok(told.errors),
        // It does not tell of items: it is refused as a whole.
        Err(unexpected) => {
            reply.accepted()?;
            Err(unexpected)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_call_has_at_most_a_hundred_items_and_never_too_many_bytes() {
        let items: Vec<_> = (0..102).map(|number| json!({ "id": number })).collect();
        let read = |body: &[u8]| serde_json::from_slice::<Vec<Value>>(body).unwrap();

        let (hundred, taken) = first_call(&items, 1_000_000).unwrap();
        let (few, taken_of_few) = first_call(&items, "[{'id':0},{'id':1}]".len()).unwrap();
        let (large, taken_of_large) = first_call(&items, 1).unwrap();

        assert_eq!((read(&hundred).len(), taken), (100, 100));
        assert_eq!((read(&few), taken_of_few), (items[..2].to_vec(), 2));
        assert_eq!((read(&large).len(), taken_of_large), (1, 1));
    }

    #[test]
    fn what_the_hub_tells_of_a_device_becomes_a_sentence() {
        let failed = |code: &str| -> Failed {
            let told = json!({
                "deviceId": "pump-7", "errorCode": code, "errorStatus": "pump-7", "operation": "x",
            });
            serde_json::from_value(told).unwrap()
        };

        assert!(
            failed("DeviceNotFound")
                .sentence()
                .contains("not registered")
        );
        assert!(
            failed("PreconditionFailed")
                .sentence()
                .contains("try again")
        );
        assert_eq!(failed("Other").sentence(), "pump-7.");
    }
}
