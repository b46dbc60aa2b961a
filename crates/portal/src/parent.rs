//! The edge device that stands between a device and the hub. People name it by
//! its ID, identities by the scope that it spans.

use http::StatusCode;
use serde_json::{Value, json};

use crate::client::Call;
use crate::problems::Problems;
use crate::visit::Visit;

/// The scope that a parent spans. What is wrong stands at the field `parent`.
pub async fn scope_of(visit: &Visit, parent: &str) -> Result<String, Problems> {
    let at_its_field = |sentence: String| Problems::at_field("parent", sentence);
    let document = match visit.call(Call::get(["devices", parent])).await {
        Ok(reply) => reply.json()?,
        Err(error) if error.status() == StatusCode::NOT_FOUND => {
            return Err(at_its_field(format!("There is no device {parent}.")));
        }
        // An ID that none can have is refused in any words.
        Err(error) => return Err(Problems::placed(error, &[("", "parent")])),
    };
    let scope = document["deviceScope"].as_str();
    match scope.filter(|_| document["capabilities"]["iotEdge"] == true) {
        Some(scope) => Ok(scope.to_owned()),
        None => Err(at_its_field(format!(
            "{parent} is not an IoT Edge device, and only those can be parents. Turn IoT Edge on \
             there first."
        ))),
    }
}

/// Puts a device into the scope of its parent. An edge device spans a scope of
/// its own, which the hub makes, so its parent's stands elsewhere.
pub fn put_below(device: &mut Value, is_edge: bool, scope: &str) {
    match is_edge {
        true => device["parentScopes"] = json!([scope]),
        false => device["deviceScope"] = json!(scope),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_is_named_as_the_kind_of_device_has_it() {
        let (mut leaf, mut edge) = (json!({}), json!({}));

        put_below(&mut leaf, false, "ms-azure-iot-edge://hall-1");
        put_below(&mut edge, true, "ms-azure-iot-edge://hall-1");

        assert_eq!(leaf, json!({ "deviceScope": "ms-azure-iot-edge://hall-1" }));
        assert_eq!(
            edge,
            json!({ "parentScopes": ["ms-azure-iot-edge://hall-1"] })
        );
    }
}
