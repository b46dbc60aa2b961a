//! For which sources events are made: those that an enabled route is about.

use std::collections::HashMap;

use arc_swap::ArcSwap;

use crate::events::EventSource;
use crate::ids::HubName;

/// A bit for each source.
type Sources = u8;

/// Which events somebody wants, for each hub. Asking takes no lock.
#[derive(Debug, Default)]
pub struct WantedEvents(ArcSwap<HashMap<HubName, Sources>>);

impl WantedEvents {
    /// Whether a route of the hub is about events of this source.
    pub fn wants(&self, hub: &HubName, source: EventSource) -> bool {
        let wanted = self.0.load();
        // Most have none.
        !wanted.is_empty() && wanted.get(hub).is_some_and(|set| set & bit(source) != 0)
    }

    /// These, and no others, are wanted of the hub from now on.
    pub fn set(&self, hub: &HubName, sources: impl IntoIterator<Item = EventSource>) {
        let set = sources.into_iter().fold(0, |set, source| set | bit(source));
        self.0.rcu(|wanted| {
            let mut wanted = HashMap::clone(wanted);
            if set == 0 {
                wanted.remove(hub);
            } else {
                wanted.insert(hub.clone(), set);
            }
            wanted
        });
    }
}

fn bit(source: EventSource) -> Sources {
    match source {
        EventSource::Telemetry => 1,
        EventSource::ConnectionState => 1 << 1,
        EventSource::Lifecycle => 1 << 2,
        EventSource::TwinChange => 1 << 3,
        EventSource::JobLifecycle => 1 << 4,
        EventSource::DigitalTwinChange => 1 << 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(name: &str) -> HubName {
        HubName::parse(name).unwrap()
    }

    #[test]
    fn nothing_is_wanted_by_default() {
        let wanted = WantedEvents::default();

        for source in EventSource::ALL {
            assert!(!wanted.wants(&hub("plant"), source));
        }
    }

    #[test]
    fn what_was_set_last_is_wanted_of_that_hub_alone() {
        let wanted = WantedEvents::default();
        wanted.set(&hub("plant"), EventSource::ALL);
        wanted.set(&hub("depot"), [EventSource::TwinChange]);

        wanted.set(&hub("plant"), [EventSource::Lifecycle]);

        assert!(wanted.wants(&hub("plant"), EventSource::Lifecycle));
        assert!(!wanted.wants(&hub("plant"), EventSource::TwinChange));
        assert!(wanted.wants(&hub("depot"), EventSource::TwinChange));
        assert!(!wanted.wants(&hub("depot"), EventSource::Lifecycle));
    }
}
