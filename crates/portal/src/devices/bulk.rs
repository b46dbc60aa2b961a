//! Bulk calls, and what they tell of each device.

use http::Method;
use serde::Deserialize;
use serde_json::Value;

use crate::client::{ApiError, Call};
use crate::failure::as_sentence;
use crate::visit::Visit;

/// The most devices that the hub takes in one call.
pub const MAX_ITEMS: usize = 100;

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

    /// Why, as a sentence.
    pub fn sentence(&self) -> String {
        match self.code.as_str() {
            // The hub says no more of it than its ID.
            "DeviceNotFound" => "It is not registered, or not any more.".to_owned(),
            "PreconditionFailed" => {
                "Somebody else has changed it at the same time. Look at it, and try again."
                    .to_owned()
            }
            _ => as_sentence(&self.message),
        }
    }
}

/// Does items, as many as there are; those that were not done. If a call is
/// refused as a whole, what came before it is done, and the rest is not.
pub async fn send(visit: &Visit, items: &[Value]) -> Result<Vec<Failed>, ApiError> {
    let mut failed = Vec::new();
    for (number, chunk) in items.chunks(MAX_ITEMS).enumerate() {
        match one_call(visit, chunk).await {
            Ok(told) => failed.extend(told),
            Err(error) if number == 0 => return Err(error),
            Err(error) => {
                let rest = items.iter().skip(number * MAX_ITEMS);
                let ids = rest.filter_map(|item| item["id"].as_str());
                failed.extend(ids.map(|id| Failed::of(id, &error)));
                break;
            }
        }
    }
    Ok(failed)
}

async fn one_call(visit: &Visit, items: &[Value]) -> Result<Vec<Failed>, ApiError> {
    let call = Call::data(Method::POST, ["devices"]).json(&Value::from(items));
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
        assert_eq!(failed("Other").sentence(), "Pump-7.");
    }
}
