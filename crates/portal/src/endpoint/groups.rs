//! Consumer groups as the resource provider has them.

use http::Method;
use serde::Deserialize;

use crate::client::{ApiError, Call};
use crate::moment::Moment;
use crate::visit::Visit;

/// Consumer groups as resources.
const GROUPS: [&str; 3] = ["eventHubEndpoints", "events", "ConsumerGroups"];
/// The group that is always there.
const DEFAULT_GROUP: &str = "$Default";

#[derive(Debug, Deserialize)]
struct Groups {
    value: Vec<Group>,
}

/// A consumer group.
#[derive(Debug, Deserialize)]
pub struct Group {
    /// Its name.
    pub name: String,
    properties: Properties,
}

#[derive(Debug, Deserialize)]
struct Properties {
    created: Option<Moment>,
}

impl Group {
    /// Whether it can't be deleted.
    pub fn is_default(&self) -> bool {
        self.name == DEFAULT_GROUP
    }

    /// When it was added, unless it came with the hub.
    pub fn created(&self) -> Option<Moment> {
        self.properties.created
    }
}

/// All of them.
pub async fn read(visit: &Visit) -> Result<Vec<Group>, ApiError> {
    let groups: Groups = visit.read(Call::resource(Method::GET, GROUPS)).await?;
    Ok(groups.value)
}

/// An operation on one of them.
pub fn call(method: Method, group: &str) -> Call {
    let [endpoints, events, groups] = GROUPS;
    Call::resource(method, [endpoints, events, groups, group])
}
