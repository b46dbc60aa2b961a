//! Which device or module an address means.

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::request::Parts;

use crate::client::encoded;
use crate::failure::Failure;
use crate::fields::{Asked, Fields};
use crate::visit::Visit;

/// A device, or a module of one: `?id=pump-7`, `?id=pump-7&module=sensor`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The device's ID.
    pub device: String,
    /// The module's ID, if it is one.
    pub module: Option<String>,
}

impl Target {
    /// A device.
    pub fn device(id: &str) -> Self {
        Target {
            device: id.to_owned(),
            module: None,
        }
    }

    /// A module of a device.
    pub fn module(device: &str, module: &str) -> Self {
        Target {
            device: device.to_owned(),
            module: Some(module.to_owned()),
        }
    }

    /// What is asked for below `/portal/device` or `/portal/module`.
    fn asked(path: &str, fields: &Fields) -> Result<Self, &'static str> {
        let device = fields
            .given("id")
            .ok_or("the address names no device: open one from the list of devices")?;
        if !path.starts_with("/portal/module") {
            return Ok(Target::device(device));
        }
        let module = fields
            .given("module")
            .ok_or("the address names no module: open one from the modules of its device")?;
        Ok(Target::module(device, module))
    }

    /// Its own ID: a device's, or a module's.
    pub fn id(&self) -> &str {
        self.module.as_deref().unwrap_or(&self.device)
    }

    /// How sentences name it: `device pump-7`, `module pump-7/sensor`.
    pub fn called(&self) -> String {
        match &self.module {
            None => format!("device {}", self.device),
            Some(module) => format!("module {}/{module}", self.device),
        }
    }

    /// `device` or `module`.
    pub fn kind(&self) -> &'static str {
        match self.module {
            None => "device",
            Some(_) => "module",
        }
    }

    /// Whether it is a module.
    pub fn is_module(&self) -> bool {
        self.module.is_some()
    }

    /// Whether it is one of the edge runtime's modules, which nobody changes
    /// but their device.
    pub fn is_system_module(&self) -> bool {
        let module = self.module.as_deref();
        module.is_some_and(|module| module.starts_with('$'))
    }

    /// The address of one of its pages: `""` for the identity, `"/twin"`, ...
    pub fn page(&self, page: &str) -> String {
        let id = encoded(&self.device);
        match &self.module {
            None => format!("/portal/device{page}?id={id}"),
            Some(module) => format!("/portal/module{page}?id={id}&module={}", encoded(module)),
        }
    }

    /// The segments of its path in the API, below `root`.
    pub fn path<'a>(&'a self, root: &'a str) -> Vec<&'a str> {
        match &self.module {
            None => vec![root, &self.device],
            Some(module) => vec![root, &self.device, "modules", module],
        }
    }

    /// The same with more behind it.
    pub fn path_to<'a>(&'a self, root: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        let mut path = self.path(root);
        path.extend(more);
        path
    }
}

impl<S: Sync> FromRequestParts<S> for Target {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let Ok(Asked(fields)) = Asked::from_request_parts(parts, state).await;
        Target::asked(parts.uri.path(), &fields).map_err(|sentence| {
            match parts.extensions.get::<Visit>() {
                Some(visit) => Failure::invalid(visit, sentence).into_response(),
                None => StatusCode::UNAUTHORIZED.into_response(),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(path: &str, query: &str) -> Result<Target, &'static str> {
        Target::asked(path, &Fields::parse(query.as_bytes()))
    }

    #[test]
    fn an_address_names_a_device_or_a_module() {
        assert_eq!(
            asked("/portal/device/twin", "id=a%2Eb"),
            Ok(Target::device("a.b"))
        );
        assert_eq!(
            asked("/portal/module", "id=pump-7&module=%24edgeAgent"),
            Ok(Target::module("pump-7", "$edgeAgent"))
        );
        assert!(asked("/portal/device", "").is_err());
        assert!(asked("/portal/module", "id=pump-7").is_err());
    }

    #[test]
    fn addresses_and_paths_take_any_id() {
        let device = Target::device("..");
        let module = Target::module("a&b", "c=d");

        assert_eq!(device.page("/twin"), "/portal/device/twin?id=..");
        assert_eq!(device.path("twins"), ["twins", ".."]);
        assert_eq!(module.page(""), "/portal/module?id=a%26b&module=c%3Dd");
        assert_eq!(
            module.path_to("twins", &["methods"]),
            ["twins", "a&b", "modules", "c=d", "methods"]
        );
    }
}
