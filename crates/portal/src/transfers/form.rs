//! What is typed to start an import or export, and what the API is asked then.
//!
//! Operators use the resource provider, which takes folders of the hub's
//! machine as well; others the REST API.

use http::Method;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Value, json};

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

/// An export as typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportForm {
    /// A container's address with its signature.
    pub container: String,
    /// Or a folder of the hub's machine.
    pub folder: String,
    /// The blob's name, if not the usual one.
    pub blob: String,
    /// Whether keys go along.
    pub with_keys: bool,
}

impl ExportForm {
    /// Reads the form.
    pub fn read(fields: &Fields) -> Self {
        ExportForm {
            container: typed(fields, "container"),
            folder: typed(fields, "folder"),
            blob: typed(fields, "blob"),
            with_keys: fields.is_ticked("keys"),
        }
    }

    /// What is asked for.
    pub fn call(&self, is_operator: bool) -> Result<Call, Refused> {
        let to = place(&self.container, &self.folder, is_operator)?;
        let blob = named(&self.blob);
        if is_operator {
            let body = json!({
                "exportBlobContainerUri": to,
                "exportBlobName": blob,
                "excludeKeys": !self.with_keys,
            });
            return Ok(Call::resource(Method::POST, ["exportDevices"]).json(&body));
        }
        Ok(create(&json!({
            "type": "export",
            "outputBlobContainerUri": to,
            "outputBlobName": blob,
            "excludeKeysInExport": !self.with_keys,
        })))
    }
}

/// An import as typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportForm {
    /// The address of the container to read, with its signature.
    pub container: String,
    /// That of the container for the lines that failed; the same if empty.
    pub failures: String,
    /// Or a folder of the hub's machine for both.
    pub folder: String,
    /// The blob's name, if not the usual one.
    pub blob: String,
}

impl ImportForm {
    /// Reads the form.
    pub fn read(fields: &Fields) -> Self {
        ImportForm {
            container: typed(fields, "container"),
            failures: typed(fields, "failures"),
            folder: typed(fields, "folder"),
            blob: typed(fields, "blob"),
        }
    }

    /// What is asked for.
    pub fn call(&self, is_operator: bool) -> Result<Call, Refused> {
        let from = place(&self.container, &self.folder, is_operator)?;
        let failures = match (self.failures.as_str(), self.folder.as_str()) {
            ("", _) => from.clone(),
            (failures, "") => failures.to_owned(),
            (_, _) => return Err(one_of_both()),
        };
        let body = json!({
            "type": "import",
            "inputBlobContainerUri": from,
            "inputBlobName": named(&self.blob),
            "outputBlobContainerUri": failures,
        });
        Ok(match is_operator {
            true => Call::resource(Method::POST, ["importDevices"]).json(&body),
            false => create(&body),
        })
    }
}

fn typed(fields: &Fields, name: &str) -> String {
    fields.get(name).trim().to_owned()
}

fn create(body: &Value) -> Call {
    Call::data(Method::POST, ["jobs", "create"]).json(body)
}

/// An empty name is the usual one.
fn named(blob: &str) -> Option<&str> {
    Some(blob).filter(|blob| !blob.is_empty())
}

fn one_of_both() -> Refused {
    Refused::invalid("Name a container or a folder, not both.")
}

/// The address of what was typed.
fn place(container: &str, folder: &str, is_operator: bool) -> Result<String, Refused> {
    match (container, folder) {
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

    fn export(fields: &str, is_operator: bool) -> Result<(String, Value), Refused> {
        let call = ExportForm::read(&Fields::parse(fields.as_bytes())).call(is_operator)?;
        Ok((call.path().to_owned(), call.sent()))
    }

    fn import(fields: &str, is_operator: bool) -> Result<(String, Value), Refused> {
        let call = ImportForm::read(&Fields::parse(fields.as_bytes())).call(is_operator)?;
        Ok((call.path().to_owned(), call.sent()))
    }

    #[test]
    fn an_export_goes_to_a_container_without_keys_unless_they_are_wanted() {
        let typed = "container=https%3A%2F%2Fblobs%2Fc%3Fsig%3Dx&folder=&blob=";

        let (path, body) = export(typed, false).unwrap();
        let (_, with_keys) = export(&format!("{typed}&keys=on"), false).unwrap();

        assert_eq!(path, "/jobs/create");
        assert_eq!(body["outputBlobContainerUri"], "https://blobs/c?sig=x");
        assert_eq!(body["outputBlobName"], Value::Null);
        assert_eq!(body["excludeKeysInExport"], true);
        assert_eq!(with_keys["excludeKeysInExport"], false);
    }

    #[test]
    fn operators_name_folders_of_the_hubs_machine() {
        let (path, body) = export("folder=%2Fback+ups%2F50%25&keys=on", true).unwrap();
        let (_, windows) = export("folder=C%3A%5Cfleet", true).unwrap();

        assert_eq!(path, "/exportDevices");
        assert_eq!(body["exportBlobContainerUri"], "file:///back%20ups/50%25");
        assert_eq!(body["excludeKeys"], false);
        assert_eq!(windows["exportBlobContainerUri"], "file:///C:/fleet");
    }

    #[test]
    fn failed_lines_of_an_import_go_where_it_came_from_unless_another_place_is_named() {
        let (_, same) = import("container=https%3A%2F%2Fin&blob=fleet.txt", false).unwrap();
        let (_, other) = import(
            "container=https%3A%2F%2Fin&failures=https%3A%2F%2Fout",
            true,
        )
        .unwrap();

        assert_eq!(same["outputBlobContainerUri"], "https://in");
        assert_eq!(same["inputBlobName"], "fleet.txt");
        assert_eq!(other["outputBlobContainerUri"], "https://out");
    }

    #[test]
    fn neither_a_place_nor_both_nor_a_relative_folder_will_do() {
        for typed in ["", "container=https%3A%2F%2Fc&folder=%2Ff", "folder=fleet"] {
            assert!(export(typed, true).is_err(), "{typed}");
            assert!(import(typed, true).is_err(), "{typed}");
        }
    }
}
