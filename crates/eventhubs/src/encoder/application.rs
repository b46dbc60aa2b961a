//! The application properties of an event: the sender's own, and those of the
//! hub's that readers look for among them.

use std::collections::HashSet;

use bytes::BytesMut;
use twinhub_core::events::EventRef;
use twinhub_core::messages::SystemProperty;

use super::SystemProperties;
use super::sections::{APPLICATION_PROPERTIES, Section, put_null, put_string};

/// The hub's own among them.
const OF_HUB: [SystemProperty; 5] = [
    SystemProperty::OutputName,
    SystemProperty::Schema,
    SystemProperty::CreationTime,
    SystemProperty::Operation,
    SystemProperty::Acknowledgement,
];
/// Up to so many names are compared one by one to find repetitions.
const FEW: usize = 16;

pub(super) fn write<'a>(event: &EventRef<'a>, system: &SystemProperties<'a>, out: &mut BytesMut) {
    let section = Section::map(APPLICATION_PROPERTIES, out);
    let mut entries = 0;
    for property in OF_HUB {
        if let Some(value) = system.get(property) {
            put_string(out, property.name());
            put_string(out, value);
            entries += 1;
        }
    }
    let mut seen = Seen::new(entries > 0, system);
    for (index, (name, value)) in event.application().enumerate() {
        if seen.again(event, index, name) {
            continue;
        }
        put_string(out, name);
        match value {
            Some(value) => put_string(out, value),
            None => put_null(out),
        }
        entries += 1;
    }
    match entries {
        0 => section.cancel(out),
        entries => section.end(entries * 2, out),
    }
}

/// The names that a map has already, since a map has none twice: the first
/// counts, and the hub's before the sender's.
struct Seen<'a, 's> {
    /// Of the hub's, if there is any.
    system: Option<&'s SystemProperties<'a>>,
    /// Of the sender's, once they are many.
    many: HashSet<&'a str>,
}

impl<'a, 's> Seen<'a, 's> {
    fn new(has_any: bool, system: &'s SystemProperties<'a>) -> Self {
        Seen {
            system: has_any.then_some(system),
            many: HashSet::new(),
        }
    }

    fn again(&mut self, event: &EventRef<'a>, index: usize, name: &'a str) -> bool {
        let is_hubs = |system: &SystemProperties<'_>| {
            OF_HUB
                .into_iter()
                .any(|property| property.name() == name && system.get(property).is_some())
        };
        if self.system.is_some_and(is_hubs) {
            return true;
        }
        let mut before = event.application().take(index).map(|(name, _)| name);
        if index < FEW {
            return before.any(|earlier| earlier == name);
        }
        if self.many.is_empty() {
            self.many.extend(before);
        }
        !self.many.insert(name)
    }
}
