//! Message routing: the language in which conditions on events are written.
//!
//! A [`Condition`] is compiled once, or refused with the place where it goes
//! wrong, and then asked about a [`Subject`]: an event ([`EventSubject`]), or
//! a [`Sample`] that somebody tries a condition on. It reads what it names and
//! nothing else; the body is parsed once for all conditions on an event, and
//! only if one of them names a part of it.
//!
//! <https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-routing-query-syntax>

mod body;
mod condition;
mod sample;
mod subject;

pub use self::body::UnreadableBody;
pub use self::condition::{
    Condition, InvalidCondition, MAX_CONDITION, Outcome, Position, Span, SystemName, TwinSection,
};
pub use self::sample::Sample;
pub use self::subject::{EventSubject, Subject};
