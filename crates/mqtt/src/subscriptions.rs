//! What a client asked for: the set, and its stored form.
//!
//! The set outlives the connection, and a restart of the hub, unless the
//! client asked for a clean session: some SDKs subscribe once and rely on it
//! for ever.

use std::collections::BTreeSet;

use twinhub_core::methods::MethodName;
use twinhub_core::ports::{Interests, MethodInterest};
use twinhub_mqtt_codec::QoS;

use crate::topics::Filter;

/// How many filters a client may have; SDKs have seven at most.
pub const MAX_FILTERS: usize = 64;

/// How messages of a subscription are delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grant {
    /// Once or not at all.
    AtMostOnce,
    /// Once or more.
    AtLeastOnce,
}

impl Grant {
    /// What is granted to a client that asks for `wanted`: QoS 1 at most.
    pub fn of(wanted: QoS) -> Self {
        match wanted {
            QoS::AtMostOnce => Grant::AtMostOnce,
            QoS::AtLeastOnce | QoS::ExactlyOnce => Grant::AtLeastOnce,
        }
    }

    /// The level that a SUBACK tells.
    pub fn qos(self) -> QoS {
        match self {
            Grant::AtMostOnce => QoS::AtMostOnce,
            Grant::AtLeastOnce => QoS::AtLeastOnce,
        }
    }
}

/// The client asked for more than [`MAX_FILTERS`] filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the client has more than {MAX_FILTERS} subscriptions")]
pub struct TooMany;

/// The filters of one client, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subscriptions {
    /// In the order of the filters.
    granted: Vec<(Filter, Grant)>,
}

impl Subscriptions {
    /// Adds a filter, or changes its grant.
    pub fn insert(&mut self, filter: Filter, grant: Grant) -> Result<(), TooMany> {
        match self.position(&filter) {
            Ok(index) => self.granted[index].1 = grant,
            Err(_) if self.granted.len() >= MAX_FILTERS => return Err(TooMany),
            Err(index) => self.granted.insert(index, (filter, grant)),
        }
        Ok(())
    }

    /// Removes a filter, if it is there.
    pub fn remove(&mut self, filter: &Filter) {
        if let Ok(index) = self.position(filter) {
            self.granted.remove(index);
        }
    }

    /// How to deliver to a filter; `None` if it is not subscribed.
    pub fn grant(&self, filter: &Filter) -> Option<Grant> {
        let index = self.position(filter).ok()?;
        Some(self.granted[index].1)
    }

    /// How to deliver messages from the cloud; `None` if nobody asked.
    pub fn of_messages(&self) -> Option<Grant> {
        let everything = self.grant(&Filter::ModuleEverything);
        everything.max(self.grant(&Filter::DeviceBound))
    }

    /// How to deliver calls of a method; `None` if nobody asked.
    pub fn of_method(&self, name: &MethodName) -> Option<Grant> {
        let this_one = Filter::Method(name.as_str().into());
        self.grant(&Filter::Methods).max(self.grant(&this_one))
    }

    /// What the session listens to because of them.
    pub fn interests(&self) -> Interests {
        Interests {
            methods: self.methods(),
            messages: self.of_messages().is_some(),
        }
    }

    fn methods(&self) -> MethodInterest {
        if self.grant(&Filter::Methods).is_some() {
            return MethodInterest::All;
        }
        let filters = self.granted.iter().map(|(filter, _)| filter);
        let named: BTreeSet<MethodName> = filters
            .filter_map(|filter| match filter {
                // A name that no method can have is never called.
                Filter::Method(name) => MethodName::parse(name).ok(),
                _ => None,
            })
            .collect();
        match named.is_empty() {
            true => MethodInterest::None,
            false => MethodInterest::Named(named),
        }
    }

    fn position(&self, filter: &Filter) -> Result<usize, usize> {
        self.granted.binary_search_by(|(held, _)| held.cmp(filter))
    }
}

/// Why stored bytes are not subscriptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableRecord {
    /// Written by a later version, or not by us.
    #[error("the stored session has the unknown version {0}")]
    Version(u8),
    /// Damaged.
    #[error("the stored session is damaged")]
    Damaged,
}

const VERSION: u8 = 1;

/// The stored form, version 1: the version, then per filter one byte for its
/// kind, one for the grant and, for a method, its name with a byte of length.
///
/// These numbers are on disk: they are never given to anything else.
mod v1 {
    pub(super) const TWIN_RESPONSES: u8 = 1;
    pub(super) const DESIRED_CHANGES: u8 = 2;
    pub(super) const METHODS: u8 = 3;
    pub(super) const METHOD: u8 = 4;
    pub(super) const DEVICE_BOUND: u8 = 5;
    pub(super) const MODULE_INPUTS: u8 = 6;
    pub(super) const MODULE_EVERYTHING: u8 = 7;
}

impl Subscriptions {
    /// The stored form.
    pub fn to_record(&self) -> Vec<u8> {
        let mut record = vec![VERSION];
        for (filter, grant) in &self.granted {
            record.push(match filter {
                Filter::TwinResponses => v1::TWIN_RESPONSES,
                Filter::DesiredChanges => v1::DESIRED_CHANGES,
                Filter::Methods => v1::METHODS,
                Filter::Method(_) => v1::METHOD,
                Filter::DeviceBound => v1::DEVICE_BOUND,
                Filter::ModuleInputs => v1::MODULE_INPUTS,
                Filter::ModuleEverything => v1::MODULE_EVERYTHING,
            });
            record.push(match grant {
                Grant::AtMostOnce => 0,
                Grant::AtLeastOnce => 1,
            });
            if let Filter::Method(name) = filter {
                record.push(u8::try_from(name.len()).expect("a method name is short"));
                record.extend_from_slice(name.as_bytes());
            }
        }
        record
    }

    /// Reads the stored form.
    pub fn from_record(record: &[u8]) -> Result<Self, UnreadableRecord> {
        let rest = match record {
            [VERSION, rest @ ..] => rest,
            [version, ..] => return Err(UnreadableRecord::Version(*version)),
            [] => return Err(UnreadableRecord::Damaged),
        };
        Self::read_v1(rest).ok_or(UnreadableRecord::Damaged)
    }

    fn read_v1(mut rest: &[u8]) -> Option<Self> {
        let mut subscriptions = Subscriptions::default();
        while let [kind, grant, behind @ ..] = rest {
            rest = behind;
            let grant = match grant {
                0 => Grant::AtMostOnce,
                1 => Grant::AtLeastOnce,
                _ => return None,
            };
            let filter = match *kind {
                v1::TWIN_RESPONSES => Filter::TwinResponses,
                v1::DESIRED_CHANGES => Filter::DesiredChanges,
                v1::METHODS => Filter::Methods,
                v1::METHOD => {
                    let (length, behind) = rest.split_first()?;
                    let (name, behind) = behind.split_at_checked(usize::from(*length))?;
                    rest = behind;
                    Filter::method(std::str::from_utf8(name).ok()?)?
                }
                v1::DEVICE_BOUND => Filter::DeviceBound,
                v1::MODULE_INPUTS => Filter::ModuleInputs,
                v1::MODULE_EVERYTHING => Filter::ModuleEverything,
                _ => return None,
            };
            subscriptions.insert(filter, grant).ok()?;
        }
        rest.is_empty().then_some(subscriptions)
    }
}

#[cfg(test)]
mod tests;
