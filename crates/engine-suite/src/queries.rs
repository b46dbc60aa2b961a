//! The query port's contract, a behaviour per function.

pub mod conditions;
mod plant;
pub mod reading;
