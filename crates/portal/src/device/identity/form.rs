//! The form of an identity, and the document that it becomes.

use serde_json::{Value, json};

use crate::authentication::AuthenticationForm;
use crate::device::document::IdentityView;
use crate::device::target::Target;
use crate::fields::Fields;
use crate::parent::put_below;

/// What may be changed of an identity, as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityForm {
    /// Whether a device may connect.
    pub enabled: bool,
    /// Why.
    pub reason: String,
    /// What it proves itself with.
    pub authentication: AuthenticationForm,
    /// Whether it runs the edge runtime.
    pub edge: bool,
    /// The edge device that it is below, or empty.
    pub parent: String,
    /// Who made a module.
    pub managed_by: String,
    /// The state that the form was made from.
    pub etag: String,
}

impl IdentityForm {
    /// As an identity is.
    pub fn of(identity: &IdentityView) -> Self {
        let status = identity.status.as_ref();
        IdentityForm {
            enabled: identity.is_enabled(),
            reason: status.map_or_else(String::new, |status| status.reason.clone()),
            authentication: AuthenticationForm {
                kind: identity.authentication.clone(),
                asks_keys: false,
                primary_thumbprint: identity.primary_thumbprint.clone(),
                secondary_thumbprint: identity.secondary_thumbprint.clone(),
                ..AuthenticationForm::for_new()
            },
            edge: identity.edge,
            parent: identity.parent().unwrap_or_default().to_owned(),
            managed_by: identity.managed_by.clone(),
            etag: identity.etag.clone(),
        }
    }

    /// As it was sent.
    pub fn read(fields: &Fields, target: &Target) -> Self {
        let text = |name| fields.given(name).unwrap_or_default().to_owned();
        IdentityForm {
            enabled: target.is_module() || fields.get("status") == "enabled",
            reason: text("status-reason"),
            authentication: AuthenticationForm::read(fields, false),
            edge: fields.is_ticked("edge"),
            parent: text("parent"),
            managed_by: text("managed-by"),
            etag: text("etag"),
        }
    }

    /// The identity to write: the form, and the keys that there are, since a
    /// write replaces the whole.
    pub fn document(&self, target: &Target, current: &Value, parent: Option<String>) -> Value {
        let mut authentication = self.authentication.to_json();
        let has_keys = current["authentication"]["type"] == "sas";
        if self.authentication.kind == "sas" && has_keys {
            authentication["symmetricKey"] = current["authentication"]["symmetricKey"].clone();
        }
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        if let Some(module) = &target.module {
            return json!({
                "deviceId": target.device,
                "moduleId": module,
                "managedBy": given(&self.managed_by),
                "authentication": authentication,
            });
        }
        let mut document = json!({
            "deviceId": target.device,
            "status": if self.enabled { "enabled" } else { "disabled" },
            "statusReason": given(&self.reason),
            "authentication": authentication,
            "capabilities": { "iotEdge": self.edge },
        });
        if let Some(scope) = parent {
            put_below(&mut document, self.edge, &scope);
        }
        document
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(sent: &str) -> IdentityForm {
        IdentityForm::read(&Fields::parse(sent.as_bytes()), &Target::device("pump-7"))
    }

    fn current() -> Value {
        let keys = json!({ "primaryKey": "p", "secondaryKey": "s" });
        json!({ "authentication": { "type": "sas", "symmetricKey": keys } })
    }

    #[test]
    fn a_change_keeps_the_keys() {
        let device = Target::device("pump-7");
        let form = form("status=disabled&status-reason=+leaks+&authentication-type=sas");

        let document = form.document(&device, &current(), None);

        assert_eq!(document["status"], "disabled");
        assert_eq!(document["statusReason"], "leaks");
        assert_eq!(document["authentication"], current()["authentication"]);
    }

    #[test]
    fn keys_go_with_another_type_and_are_made_anew_on_the_way_back() {
        let device = Target::device("pump-7");
        let away = form("status=enabled&authentication-type=selfSigned&primary-thumbprint=AB");
        let back = form("status=enabled&authentication-type=sas");

        let away = away.document(&device, &current(), None);
        let back = back.document(&device, &away, None);

        assert_eq!(away["authentication"]["symmetricKey"], Value::Null);
        assert_eq!(
            away["authentication"]["x509Thumbprint"]["primaryThumbprint"],
            "AB"
        );
        assert_eq!(
            back["authentication"]["symmetricKey"]["primaryKey"],
            Value::Null
        );
    }

    #[test]
    fn a_device_goes_into_the_scope_of_its_parent() {
        let scope = Some("ms-azure-iot-edge://hall-1".to_owned());

        let below =
            form("status=enabled").document(&Target::device("pump-7"), &current(), scope.clone());

        assert_eq!(below["deviceScope"].as_str(), scope.as_deref());
    }

    #[test]
    fn a_module_has_no_status() {
        let module = Target::module("pump-7", "sensor");
        let form = IdentityForm::read(&Fields::parse(b"managed-by=us"), &module);

        let document = form.document(&module, &current(), None);

        assert_eq!(document["managedBy"], "us");
        assert_eq!(document["moduleId"], "sensor");
        assert!(document.get("status").is_none());
    }
}
