//! Where a job's file is: as it is typed, and as the API takes it.
//!
//! Operators use the resource provider, which takes folders of the hub's
//! machine as well; others the REST API.

use http::Method;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::Value;

use crate::client::Call;
use crate::fields::Fields;
use crate::refused::Refused;

/// What stands for something else in a `file://` address.
const IN_PATHS: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// A container or a folder, and a blob in it, as typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// A container's address with its signature.
    pub container: String,
    /// Or a folder of the hub's machine.
    pub folder: String,
    /// The blob's name, if not the usual one.
    pub blob: String,
}

impl Place {
    /// Reads the form.
    pub fn read(fields: &Fields) -> Self {
        let typed = |name| fields.get(name).trim().to_owned();
        Place {
            container: typed("container"),
            folder: typed("folder"),
            blob: typed("blob"),
        }
    }

    /// The blob's name; none is the usual one.
    pub fn blob(&self) -> Option<&str> {
        Some(self.blob.as_str()).filter(|blob| !blob.is_empty())
    }

    /// The address of the container or folder.
    pub fn address(&self, is_operator: bool) -> Result<String, Refused> {
        match (self.container.as_str(), self.folder.as_str()) {
            ("", "") if is_operator => Err(Refused::invalid(
                "Name a container, or a folder of the hub's machine.",
            )),
            ("", "") => Err(Refused::invalid(
                "Give the address of a container with its shared access signature.",
            )),
            (container, "") => Ok(container.to_owned()),
            ("", folder) => uri_of(folder),
            (_, _) => Err(one_of_both()),
        }
    }
}

/// What those are told who name two places.
pub fn one_of_both() -> Refused {
    Refused::invalid("Name a container or a folder, not both.")
}

/// Asks the REST API for a job.
pub fn create(body: &Value) -> Call {
    Call::data(Method::POST, ["jobs", "create"]).json(body)
}

/// The `file://` address of a folder. The hub may run on any system.
fn uri_of(folder: &str) -> Result<String, Refused> {
    let has_drive = folder.as_bytes().get(1) == Some(&b':');
    let path = match has_drive {
        true => format!("/{}", folder.replace('\\', "/")),
        false => folder.to_owned(),
    };
    if !path.starts_with('/') {
        return Err(Refused::invalid(
            "Write the folder's path from the root on, such as /backups/fleet.",
        ));
    }
    let encoded = utf8_percent_encode(&path, IN_PATHS);
    Ok(format!("file://{encoded}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(typed: &str, is_operator: bool) -> Result<String, Refused> {
        Place::read(&Fields::parse(typed.as_bytes())).address(is_operator)
    }

    #[test]
    fn a_container_stands_as_it_was_typed_and_a_folder_becomes_an_address() {
        for (typed, expected) in [
            ("container=+https%3A%2F%2Fc%3Fsig%3Dx", "https://c?sig=x"),
            ("folder=%2Fback+ups%2F50%25", "file:///back%20ups/50%25"),
            ("folder=C%3A%5Cfleet", "file:///C:/fleet"),
        ] {
            assert_eq!(address(typed, true).unwrap(), expected);
        }
    }

    #[test]
    fn neither_a_place_nor_both_nor_a_relative_folder_will_do() {
        for typed in ["", "container=https%3A%2F%2Fc&folder=%2Ff", "folder=fleet"] {
            assert!(address(typed, true).is_err(), "{typed}");
        }
    }

    #[test]
    fn who_is_no_operator_is_not_offered_a_folder() {
        let offered = |is_operator| address("", is_operator).unwrap_err().sentence;

        assert!(offered(true).contains("folder"));
        assert!(!offered(false).contains("folder"));
    }
}
