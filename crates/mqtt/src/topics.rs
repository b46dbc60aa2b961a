//! Topics: what a client may publish to and subscribe to.
//!
//! Whatever is not named here is forbidden, and costs the connection. IDs in
//! a topic must be those of the connection, letter by letter, unencoded.

use std::borrow::Cow;

use twinhub_core::ids::IdentityId;

/// The longest request ID, in bytes; far beyond what any client sends.
pub const MAX_REQUEST_ID: usize = 1024;
/// The longest method name, in bytes.
pub const MAX_METHOD_NAME: usize = 100;

const TWIN_GET: &str = "$iothub/twin/GET/";
const TWIN_PATCH: &str = "$iothub/twin/PATCH/properties/reported/";
const METHOD_RESPONSE: &str = "$iothub/methods/res/";
const TWIN_RESPONSES: &str = "$iothub/twin/res/#";
const DESIRED_CHANGES: &str = "$iothub/twin/PATCH/properties/desired/#";
const METHODS: &str = "$iothub/methods/POST/";

/// A topic that the client may not use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the topic is none that this identity may use")]
pub struct Forbidden;

/// What a client publishes, by its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceTopic<'a> {
    /// A message to the cloud.
    Telemetry {
        /// The property bag, still encoded; may be empty.
        properties: &'a str,
    },
    /// Asks for the twin.
    GetTwin {
        /// What the answer repeats.
        request: RequestId<'a>,
    },
    /// Reports properties.
    PatchReported {
        /// What the answer repeats.
        request: RequestId<'a>,
        /// The version that the reported properties must be at, as text.
        version: Option<&'a str>,
    },
    /// Answers a method call.
    MethodResponse {
        /// Which call.
        request: RequestId<'a>,
        /// What the method returned.
        status: i64,
    },
}

/// What pairs a request with its answer: echoed as it came, never interpreted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId<'a>(&'a str);

impl<'a> RequestId<'a> {
    /// The text, as it came.
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

impl<'a> DeviceTopic<'a> {
    /// Reads the topic of a message from `identity`.
    pub fn parse(topic: &'a str, identity: &IdentityId) -> Result<Self, Forbidden> {
        if let Some(query) = topic.strip_prefix(TWIN_GET) {
            let request = Query::parse(query)?.request;
            return Ok(DeviceTopic::GetTwin { request });
        }
        if let Some(query) = topic.strip_prefix(TWIN_PATCH) {
            let Query { request, version } = Query::parse(query)?;
            return Ok(DeviceTopic::PatchReported { request, version });
        }
        if let Some(rest) = topic.strip_prefix(METHOD_RESPONSE) {
            let (status, query) = rest.split_once('/').ok_or(Forbidden)?;
            return Ok(DeviceTopic::MethodResponse {
                request: Query::parse(query)?.request,
                status: status.parse().map_err(|_| Forbidden)?,
            });
        }
        let properties = strip_identity(topic, identity)
            .and_then(|rest| rest.strip_prefix("messages/events"))
            .ok_or(Forbidden)?;
        match properties.strip_prefix('/') {
            Some(properties) => Ok(DeviceTopic::Telemetry { properties }),
            None if properties.is_empty() => Ok(DeviceTopic::Telemetry { properties }),
            None => Err(Forbidden),
        }
    }
}

/// What is behind `devices/{id}/` or `devices/{id}/modules/{mid}/`.
fn strip_identity<'a>(topic: &'a str, identity: &IdentityId) -> Option<&'a str> {
    let rest = topic
        .strip_prefix("devices/")?
        .strip_prefix(identity.device_id().as_str())?
        .strip_prefix('/')?;
    match identity.module_id() {
        None => Some(rest),
        Some(module) => rest
            .strip_prefix("modules/")?
            .strip_prefix(module.as_str())?
            .strip_prefix('/'),
    }
}

/// `?$rid={rid}[&$version={v}]`, in any order and among others.
struct Query<'a> {
    request: RequestId<'a>,
    version: Option<&'a str>,
}

impl<'a> Query<'a> {
    fn parse(text: &'a str) -> Result<Self, Forbidden> {
        let query = text.strip_prefix('?').ok_or(Forbidden)?;
        let value = |wanted: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(name, _)| *name == wanted).map(|(_, v)| v)
        };
        let request = value("$rid").ok_or(Forbidden)?;
        if request.len() > MAX_REQUEST_ID {
            return Err(Forbidden);
        }
        Ok(Query {
            request: RequestId(request),
            version: value("$version"),
        })
    }
}

/// What a client may subscribe to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Filter {
    /// Answers to twin requests.
    TwinResponses,
    /// Changes of desired properties.
    DesiredChanges,
    /// Calls of any method.
    Methods,
    /// Calls of one method.
    Method(Box<str>),
    /// Messages from the cloud.
    DeviceBound,
    /// Messages to a module's inputs.
    ModuleInputs,
    /// Everything that a module can receive under its own path.
    ModuleEverything,
}

impl Filter {
    /// Reads a filter that `identity` asks for.
    pub fn parse(filter: &str, identity: &IdentityId) -> Result<Self, Forbidden> {
        if let Some(method) = filter.strip_prefix(METHODS) {
            return Filter::of_method(method);
        }
        match filter {
            TWIN_RESPONSES => return Ok(Filter::TwinResponses),
            DESIRED_CHANGES => return Ok(Filter::DesiredChanges),
            _ => {}
        }
        let own = strip_identity(filter, identity).ok_or(Forbidden)?;
        match (own, identity) {
            ("messages/devicebound/#", _) => Ok(Filter::DeviceBound),
            ("inputs/#", IdentityId::Module { .. }) => Ok(Filter::ModuleInputs),
            ("#", IdentityId::Module { .. }) => Ok(Filter::ModuleEverything),
            _ => Err(Forbidden),
        }
    }

    /// `#` or `{name}/#`.
    fn of_method(rest: &str) -> Result<Self, Forbidden> {
        if rest == "#" {
            return Ok(Filter::Methods);
        }
        let name = rest.strip_suffix("/#").ok_or(Forbidden)?;
        Filter::method(name).ok_or(Forbidden)
    }

    /// Calls of the method of this name, if it can be one.
    pub fn method(name: &str) -> Option<Self> {
        let valid = (1..=MAX_METHOD_NAME).contains(&name.len()) && !name.contains(['/', '+', '#']);
        valid.then(|| Filter::Method(name.into()))
    }

    /// The filter as the identity spells it.
    pub fn text(&self, identity: &IdentityId) -> Cow<'static, str> {
        let own = |rest: &str| {
            let device = identity.device_id();
            Cow::Owned(match identity.module_id() {
                None => format!("devices/{device}/{rest}"),
                Some(module) => format!("devices/{device}/modules/{module}/{rest}"),
            })
        };
        match self {
            Filter::TwinResponses => TWIN_RESPONSES.into(),
            Filter::DesiredChanges => DESIRED_CHANGES.into(),
            Filter::Methods => format!("{METHODS}#").into(),
            Filter::Method(name) => format!("{METHODS}{name}/#").into(),
            Filter::DeviceBound => own("messages/devicebound/#"),
            Filter::ModuleInputs => own("inputs/#"),
            Filter::ModuleEverything => own("#"),
        }
    }
}

#[cfg(test)]
mod tests;
