//! The lines of import and export blobs: one JSON document per identity.
//!
//! The format is Azure's, so that an export of either hub imports into the
//! other. Reading takes foreign bytes and never fails as a whole: a line is
//! an item, or is refused by itself.

pub use self::exported::{EXCLUDED_KEYS_NOTE, write};
pub use self::failure::Failure;
pub use self::imported::{InvalidLine, LineProblem, parse};
pub use self::members::{AuthenticationInput, CapabilitiesInput, StatusInput};
pub use self::split::{LineSplitter, Split};

mod exported;
mod failure;
mod imported;
mod members;
mod split;

#[cfg(test)]
mod tests;
