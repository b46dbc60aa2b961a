//! The sessions port's contract, a behaviour per function.

pub mod ending;
pub mod methods;
pub mod notices;
pub mod presence;
