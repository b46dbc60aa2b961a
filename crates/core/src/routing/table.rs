//! Routes as they are asked about events: compiled when they are set.
//!
//! Each route is tried; endpoints get an event once, however many routes lead
//! there. Routes that are always true cost nothing, a condition that several
//! routes have is asked once, and a condition on a body that can't be read does
//! not match.

use super::condition::{Condition, Outcome, PartTree};
use super::destinations::Destinations;
use super::endpoint::EndpointId;
use super::enrichments::{Copies, Stamps};
use super::settings::{Destination, Route, RoutingSettings};
use super::subject::EventSubject;
use crate::events::{EventRef, EventSource};
use crate::ids::HubName;
use crate::twins::Twin;

/// What a hub's routing comes to.
#[derive(Debug)]
pub struct RoutingTable {
    endpoints: Vec<EndpointId>,
    has_twins: bool,
    sources: [SourceTable; EventSource::ALL.len()],
}

/// Where an event goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Routed {
    /// The destinations; none if nobody wants it.
    pub destinations: Destinations,
    /// Whether no route wanted it, and the fallback route took it.
    pub by_fallback: bool,
    /// Whether a condition could not be asked, because of the body.
    pub unreadable: bool,
}

/// What there is to know of the events of one source.
#[derive(Debug)]
pub(super) struct SourceTable {
    /// Whether a route is about them.
    is_wanted: bool,
    /// Whether the hub has any route in force: without one, nothing falls back.
    has_routes: bool,
    always: Destinations,
    conditional: Vec<(Condition, Destinations)>,
    /// What they name of bodies.
    parts: PartTree,
    /// Where those go that nothing else wants.
    fallback: Destinations,
    /// What is stamped on them for which destinations; each destination is in
    /// one of these.
    copies: Vec<Copies>,
    reads_twin: bool,
}

impl RoutingTable {
    /// Compiles what is set; `has_twins` is whether the hub's tier has them. A
    /// route whose condition does not compile leads
    /// nowhere.
    pub fn compile(hub: &HubName, has_twins: bool, settings: &RoutingSettings) -> Self {
        let stamps = Stamps::compile(hub, has_twins, settings);
        RoutingTable {
            endpoints: settings.endpoints.iter().map(|known| known.id).collect(),
            has_twins,
            sources: EventSource::ALL
                .map(|source| SourceTable::compile(source, settings, &stamps, has_twins)),
        }
    }

    /// The custom endpoints, in the order of their places.
    pub fn endpoints(&self) -> &[EndpointId] {
        &self.endpoints
    }

    /// The sources that a route is about.
    pub fn wanted(&self) -> impl Iterator<Item = EventSource> {
        let mut all = EventSource::ALL.into_iter().zip(&self.sources);
        std::iter::from_fn(move || all.find(|(_, table)| table.is_wanted)).map(|(source, _)| source)
    }

    /// Where an event goes. `twin` is that of the device or module that it is
    /// from or about, needed if the source [reads](Self::reads_twin) it.
    pub fn route<'a>(&'a self, event: EventRef<'a>, twin: Option<&'a Twin>) -> Routed {
        self.of(event.source)
            .route(event, twin.filter(|_| self.has_twins))
    }

    /// Whether where events of a source go, or what is stamped on them, depends
    /// on twins.
    pub fn reads_twin(&self, source: EventSource) -> bool {
        self.of(source).reads_twin
    }

    pub(super) fn of(&self, source: EventSource) -> &SourceTable {
        let place = EventSource::ALL.iter().position(|known| *known == source);
        &self.sources[place.expect("all sources are there")]
    }
}

impl SourceTable {
    fn compile(
        source: EventSource,
        settings: &RoutingSettings,
        stamps: &Stamps,
        has_twins: bool,
    ) -> Self {
        let routes = settings.routes.iter();
        let routes = routes.filter(|route| route.source == source && route.is_enabled);
        let mut table = SourceTable {
            is_wanted: false,
            has_routes: has_routes(settings),
            always: Destinations::NONE,
            conditional: Vec::new(),
            parts: PartTree::default(),
            fallback: fallback(source, settings),
            copies: stamps.copies(source),
            reads_twin: false,
        };
        for route in routes {
            table.add(route, destination_of(settings, &route.destination));
        }
        for (condition, _) in &mut table.conditional {
            condition.read_parts(&mut table.parts);
        }
        let conditional = table.conditional.iter();
        let reachable = conditional.fold(table.always.and(table.fallback), |all, (_, to)| {
            all.and(*to)
        });
        let mut copies = table.copies.iter();
        table.reads_twin = has_twins
            && (table.conditional.iter().any(|(one, _)| one.reads_twin())
                || copies.any(|copies| {
                    copies.reads_twin() && !copies.destinations.among(reachable).is_empty()
                }));
        table
    }

    fn add(&mut self, route: &Route, to: Destinations) {
        self.is_wanted = true;
        match Condition::compile(&route.condition) {
            Ok(condition) if condition.is_always_true() => self.always = self.always.and(to),
            Ok(condition) => {
                let mut known = self.conditional.iter_mut();
                match known.find(|(known, _)| *known == condition) {
                    Some((_, destinations)) => *destinations = destinations.and(to),
                    None => self.conditional.push((condition, to)),
                }
            }
            Err(error) => {
                tracing::error!(route = %route.name, %error, "a route leads nowhere");
            }
        }
    }

    fn route<'a>(&'a self, event: EventRef<'a>, twin: Option<&'a Twin>) -> Routed {
        let mut destinations = self.always;
        let mut unreadable = false;
        if !self.conditional.is_empty() {
            let subject = EventSubject::of_parts(event, twin, &self.parts);
            for (condition, to) in &self.conditional {
                match condition.evaluate(&subject) {
                    Ok(Outcome::True) => destinations = destinations.and(*to),
                    Ok(Outcome::False | Outcome::Undefined) => {}
                    Err(_) => unreadable = true,
                }
            }
        }
        let by_fallback = destinations.is_empty() && !self.fallback.is_empty();
        Routed {
            destinations: match by_fallback {
                true => self.fallback,
                false => destinations,
            },
            by_fallback: by_fallback && self.has_routes,
            unreadable,
        }
    }

    /// Whether all of them go to the built-in endpoint as they are.
    pub(super) fn is_plain(&self) -> bool {
        let stamped = self.copies.iter().any(|copies| {
            !copies.is_plain() && !copies.destinations.among(Destinations::BUILT_IN).is_empty()
        });
        let to = match self.always.is_empty() {
            true => self.fallback,
            false => self.always,
        };
        self.conditional.is_empty() && to == Destinations::BUILT_IN && !stamped
    }

    /// Whether the fallback route takes all of them, in place of another.
    pub(super) fn is_all_by_fallback(&self) -> bool {
        self.has_routes && self.conditional.is_empty() && self.always.is_empty()
    }

    pub(super) fn copies(&self) -> &[Copies] {
        &self.copies
    }
}

/// Whether any route of the hub counts.
fn has_routes(settings: &RoutingSettings) -> bool {
    settings.routes.iter().any(|route| route.is_enabled)
}

/// Telemetry that no route wants goes to the built-in endpoint as long as the
/// fallback route counts, and in any case while no other route does.
/// <https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-messages-d2c>
fn fallback(source: EventSource, settings: &RoutingSettings) -> Destinations {
    let falls_back = settings.fallback_is_enabled || !has_routes(settings);
    match source == EventSource::Telemetry && falls_back {
        true => Destinations::BUILT_IN,
        false => Destinations::NONE,
    }
}

/// The destinations of a name; none if there is no such endpoint.
pub(super) fn destination_of(
    settings: &RoutingSettings,
    destination: &Destination,
) -> Destinations {
    let Destination::Custom(name) = destination else {
        return Destinations::BUILT_IN;
    };
    let mut endpoints = settings.endpoints.iter();
    let place = endpoints.position(|known| known.name.as_str().eq_ignore_ascii_case(name.as_str()));
    place.map_or(Destinations::NONE, Destinations::custom)
}

#[cfg(test)]
mod tests;
