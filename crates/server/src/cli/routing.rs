//! A hub's routing on the command line: routes, endpoints and enrichments are
//! parts of the hub's document, so that each change reads it, changes one and
//! writes it back under its etag.

use serde_json::{Value, json};

use super::{failure::Failure, refusal::Refusal};

/// A list within a hub's routing.
#[derive(Debug, Clone, Copy)]
pub struct List {
    /// Where it is, below `properties.routing`.
    pub pointer: &'static str,
    /// The member that names an item.
    pub key: &'static str,
    /// What an item is called.
    pub noun: &'static str,
}

/// Routes.
pub const ROUTES: List = List {
    pointer: "/routes",
    key: "name",
    noun: "route",
};

/// Enrichments.
pub const ENRICHMENTS: List = List {
    pointer: "/enrichments",
    key: "key",
    noun: "enrichment",
};

impl List {
    /// All items.
    pub fn all(self, routing: &Value) -> Vec<Value> {
        let items = routing.pointer(self.pointer).and_then(Value::as_array);
        items.cloned().unwrap_or_default()
    }

    /// One item; case does not count in names.
    pub fn find(self, routing: &Value, name: &str) -> Result<Value, Failure> {
        let mut items = self.all(routing).into_iter();
        items
            .find(|item| self.is(item, name))
            .ok_or_else(|| self.missing(name))
    }

    /// Adds an item that must be new.
    pub fn add(self, routing: &mut Value, item: Value) -> Result<(), Failure> {
        let name = item[self.key].as_str().unwrap_or_default().to_owned();
        if self.find(routing, &name).is_ok() {
            return Err(Failure::Refused(Refusal {
                status: 409,
                code: None,
                message: Some(format!("there is {} {name:?} already", self.with_article())),
            }));
        }
        self.items_mut(routing)?.push(item);
        Ok(())
    }

    /// Changes an item in its place.
    pub fn change(
        self,
        routing: &mut Value,
        name: &str,
        change: impl FnOnce(&mut Value),
    ) -> Result<(), Failure> {
        let mut items = self.items_mut(routing)?.iter_mut();
        let item = items.find(|item| self.is(item, name));
        change(item.ok_or_else(|| self.missing(name))?);
        Ok(())
    }

    /// Takes an item out.
    pub fn remove(self, routing: &mut Value, name: &str) -> Result<(), Failure> {
        let items = self.items_mut(routing)?;
        let place = items.iter().position(|item| self.is(item, name));
        items.remove(place.ok_or_else(|| self.missing(name))?);
        Ok(())
    }

    /// The refusal of a hub that lacks an item.
    pub fn missing(self, name: &str) -> Failure {
        Failure::Refused(Refusal {
            status: 404,
            code: None,
            message: Some(format!("there is no {} {name:?}", self.noun)),
        })
    }

    fn is(self, item: &Value, name: &str) -> bool {
        let known = item[self.key].as_str();
        known.is_some_and(|known| known.eq_ignore_ascii_case(name))
    }

    fn items_mut(self, routing: &mut Value) -> Result<&mut Vec<Value>, Failure> {
        let items = routing.pointer_mut(self.pointer);
        items.and_then(Value::as_array_mut).ok_or_else(|| {
            anyhow::anyhow!("the hub's document has no list of each {}", self.noun).into()
        })
    }

    fn with_article(self) -> String {
        match self.noun {
            noun if noun.starts_with('e') => format!("an {noun}"),
            noun => format!("a {noun}"),
        }
    }
}

/// A document that holds what is given of some members, and nothing of others.
pub fn given<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let mut document = json!({});
    for (member, value) in members {
        if let Some(value) = value {
            document[member] = value;
        }
    }
    document
}

/// Puts the members of `changes` in the place of those of `document`.
pub fn take_over(document: &mut Value, changes: Value) {
    if let Value::Object(changes) = changes {
        for (member, value) in changes {
            document[member] = value;
        }
    }
}

/// A text, given in place or as `@file`, from which the end of the last line
/// is dropped: so that keys need not stand in the shell's history.
pub fn text(option: &str, text: &str) -> Result<String, Failure> {
    let Some(file) = text.strip_prefix('@') else {
        return Ok(text.to_owned());
    };
    let contents = std::fs::read_to_string(file).map_err(|error| {
        Failure::Usage(format!(
            "{option} names the file {file}, which can't be read: {error}"
        ))
    })?;
    Ok(contents.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routing() -> Value {
        json!({ "routes": [{ "name": "Hot", "isEnabled": true }], "enrichments": [] })
    }

    #[test]
    fn items_are_found_in_any_case_and_added_once() {
        let mut routing = routing();

        assert_eq!(ROUTES.find(&routing, "hot").unwrap()["name"], "Hot");
        let twice = ROUTES.add(&mut routing, json!({ "name": "HOT" }));
        assert_eq!(twice.unwrap_err().exit_code(), 5);
        ROUTES.add(&mut routing, json!({ "name": "cold" })).unwrap();

        assert_eq!(ROUTES.all(&routing).len(), 2);
    }

    #[test]
    fn items_are_changed_and_removed_by_name() {
        let mut routing = routing();

        ROUTES
            .change(&mut routing, "hot", |route| {
                take_over(
                    route,
                    given([("isEnabled", Some(json!(false))), ("x", None)]),
                );
            })
            .unwrap();

        assert_eq!(
            ROUTES.all(&routing),
            [json!({ "name": "Hot", "isEnabled": false })]
        );
        ROUTES.remove(&mut routing, "HOT").unwrap();
        assert_eq!(
            ROUTES.remove(&mut routing, "hot").unwrap_err().exit_code(),
            3
        );
        let missing = ENRICHMENTS.change(&mut routing, "site", |_| {});
        assert_eq!(missing.unwrap_err().exit_code(), 3);
    }

    #[test]
    fn a_text_comes_in_place_or_from_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key");
        std::fs::write(&file, "Endpoint=sb://bus/\r\n").unwrap();

        let from_file = text("--connection-string", &format!("@{}", file.display()));

        assert_eq!(from_file.unwrap(), "Endpoint=sb://bus/");
        assert_eq!(text("--connection-string", "a=b").unwrap(), "a=b");
        let missing = text("--connection-string", "@/no/such/file");
        assert_eq!(missing.unwrap_err().exit_code(), 2);
    }
}
