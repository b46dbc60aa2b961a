//! What the hub tells of its own changes: identities created and deleted,
//! twins changed.
//!
//! Nothing is told by default, and nothing of it costs anything: whoever
//! changes something asks [`WantedEvents`] first, which knows for which
//! sources there is a route. An event goes into the unit of work of its
//! change, so that neither exists without the other, and from there, by the
//! [`Pump`], the way that routes say.
//!
//! | Module | What it holds |
//! |---|---|
//! | `wanted` | for which sources events are made |
//! | `event` | what all events of this kind have in common |
//! | `teller` | which events a change makes |
//! | `lifecycle`, `twin_change`, `digital_twin` | what they say |
//! | `pump` | how they get from the state to the event log |
//!
//! <https://learn.microsoft.com/azure/iot-hub/iot-hub-non-telemetry-event-schema>

mod digital_twin;
mod event;
mod lifecycle;
mod pump;
mod teller;
mod twin_change;
mod wanted;

pub use self::event::{Naming, NewEvent};
pub use self::pump::Pump;
pub use self::teller::Teller;
pub(crate) use self::teller::{About, TwinPart};
pub use self::wanted::WantedEvents;

#[cfg(test)]
mod tests;
