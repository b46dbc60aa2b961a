//! Enrichments: application properties that the hub stamps on copies of an
//! event.
//!
//! A device's own property of that name stays as it is. What can't be found in
//! the twin is stamped as the text that was set.
//! <https://learn.microsoft.com/azure/iot-hub/iot-hub-message-enrichments-overview>

use std::borrow::Cow;

use serde_json::Value;

use super::condition::TwinPath;
use super::destinations::Destinations;
use super::settings::RoutingSettings;
use super::table::destination_of;
use crate::events::EventSource;
use crate::ids::HubName;
use crate::messages::MessageRef;
use crate::twins::Twin;

/// All enrichments of a hub.
#[derive(Debug)]
pub(super) struct Stamps(Vec<(Stamp, Destinations)>);

/// One of them.
#[derive(Debug, Clone)]
struct Stamp {
    key: Box<str>,
    /// The text, which also stands for what the twin lacks.
    text: Box<str>,
    path: Option<TwinPath>,
}

/// Destinations that get the same copy of an event.
#[derive(Debug)]
pub(super) struct Copies {
    pub destinations: Destinations,
    stamps: Vec<Stamp>,
}

/// A message's application properties, on loan.
pub(super) type Properties<'a> = Vec<(Cow<'a, str>, Option<Cow<'a, str>>)>;

impl Stamps {
    /// The Basic tier has no twins.
    pub(super) fn compile(hub: &HubName, has_twins: bool, settings: &RoutingSettings) -> Self {
        let enrichments = settings.enrichments.iter();
        let stamps = enrichments.map(|enrichment| {
            let is_hub_name = enrichment.value.eq_ignore_ascii_case("$iothubname");
            let stamp = Stamp {
                key: enrichment.key.as_str().into(),
                text: match is_hub_name {
                    true => hub.as_str().into(),
                    false => enrichment.value.as_str().into(),
                },
                path: TwinPath::parse(&enrichment.value).filter(|_| has_twins),
            };
            let destinations = enrichment.destinations.iter();
            let to = destinations.fold(Destinations::NONE, |all, one| {
                all.and(destination_of(settings, one))
            });
            (stamp, to)
        });
        Stamps(stamps.collect())
    }

    /// What is stamped on events of a source, by destination. Nothing is on
    /// events of digital twins.
    pub(super) fn copies(&self, source: EventSource) -> Vec<Copies> {
        let everywhere = (0..super::MAX_ENDPOINTS).fold(Destinations::BUILT_IN, |all, place| {
            all.and(Destinations::custom(place))
        });
        let mut groups = vec![(everywhere, Vec::new())];
        let stamps = match source {
            EventSource::DigitalTwinChange => &[][..],
            _ => &self.0[..],
        };
        // Each stamp parts the groups into those that get it and those that don't.
        for (stamp, to) in stamps {
            groups = groups
                .into_iter()
                .flat_map(|(destinations, stamps): (Destinations, Vec<Stamp>)| {
                    let mut more = stamps.clone();
                    more.push(stamp.clone());
                    [
                        (destinations.without(*to), stamps),
                        (destinations.among(*to), more),
                    ]
                })
                .filter(|(destinations, _)| !destinations.is_empty())
                .collect();
        }
        let groups = groups.into_iter();
        groups
            .map(|(destinations, stamps)| Copies {
                destinations,
                stamps,
            })
            .collect()
    }
}

impl Copies {
    /// Whether nothing is stamped on them.
    pub(super) fn is_plain(&self) -> bool {
        self.stamps.is_empty()
    }

    pub(super) fn reads_twin(&self) -> bool {
        self.stamps.iter().any(|stamp| stamp.path.is_some())
    }

    /// A message's application properties with the stamps.
    pub(super) fn properties<'a>(
        &'a self,
        message: &MessageRef<'a>,
        twin: Option<&'a Twin>,
    ) -> Properties<'a> {
        let own = message.application.iter();
        let mut properties: Properties<'a> = own
            .map(|(name, value)| (Cow::Borrowed(&**name), value.as_deref().map(Cow::Borrowed)))
            .collect();
        for stamp in &self.stamps {
            let mut known = properties.iter();
            if !known.any(|(name, _)| name.eq_ignore_ascii_case(&stamp.key)) {
                let value = stamp.value(twin);
                properties.push((Cow::Borrowed(&*stamp.key), Some(value)));
            }
        }
        properties
    }
}

impl Stamp {
    fn value<'a>(&'a self, twin: Option<&'a Twin>) -> Cow<'a, str> {
        let path = self.path.as_ref();
        let found = path.zip(twin).and_then(|(path, twin)| path.follow(twin));
        match found {
            None => Cow::Borrowed(&*self.text),
            Some(Value::String(text)) => Cow::Borrowed(text),
            Some(value) => Cow::Owned(value.to_string()),
        }
    }
}
