//! What is indexed of rows, as JSON documents: tags and properties are some,
//! others are made here of what a row has.

use std::borrow::Cow;

use serde_json::{Map, Value, json};
use twinhub_core::ids::IdentityId;
use twinhub_core::query::of_identity;

use super::path::{IDENTITY_MEMBERS, MODEL_ID};
use crate::records::IdentityRow;

/// Of the model that a device announced.
pub(crate) fn of_model(id: &str) -> Cow<'_, str> {
    json!({ MODEL_ID: id }).to_string().into()
}

/// Of an identity. Of one that this build can't read there is nothing, nor can
/// a query read it.
pub(crate) fn of_identity_row(id: IdentityId, row: IdentityRow) -> String {
    let Ok(identity) = row.decode(id) else {
        return String::new();
    };
    let members = IDENTITY_MEMBERS.iter().filter_map(|(root, name)| {
        let value = of_identity(&identity, *root)?;
        Some(((*name).to_owned(), value))
    });
    Value::Object(members.collect::<Map<_, _>>()).to_string()
}
