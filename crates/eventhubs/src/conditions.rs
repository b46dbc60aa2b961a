//! The conditions that Event Hubs has beside the standard's, and the words
//! that its clients look for.

use twinhub_amqp_engine::value::Symbol;

/// Something that was asked for can't be understood.
pub(crate) const ARGUMENT_ERROR: Symbol = Symbol::from_static("com.microsoft:argument-error");
/// Something that was asked for lies outside of what there is.
pub(crate) const ARGUMENT_OUT_OF_RANGE: Symbol =
    Symbol::from_static("com.microsoft:argument-out-of-range");
