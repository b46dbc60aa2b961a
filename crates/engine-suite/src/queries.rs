//! The query port's contract, a behaviour per function.

pub mod conditions;
pub mod folding;
mod plant;
pub mod reading;
