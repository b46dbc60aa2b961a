//! The Event Hubs-compatible endpoint: readers of a hub's events.

mod beginning;
mod conditions;
mod encoder;
mod moments;
mod places;
mod runtime_info;

pub use encoder::EventEncoder;
pub use runtime_info::RuntimeInfo;
