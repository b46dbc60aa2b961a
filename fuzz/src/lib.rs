//! What each fuzz target asserts, callable from `cargo fuzz` and from an ordinary test.
//!
//! A target takes foreign bytes and panics when an invariant breaks. The
//! binaries under `fuzz_targets/` (feature `libfuzzer`) feed them from
//! libFuzzer; `tests/corpus.rs` feeds them every file of `corpus/<target>/`
//! and a bounded number of seeded mutations of each, so that plain
//! `cargo test` runs them too.
//!
//! A new target is a function here, a line in [`TARGETS`], a binary of its name
//! under `fuzz_targets/` with its entry in `Cargo.toml`, and a few files under
//! `corpus/` that get past the first check of the parser.

pub mod amqp;
pub mod amqp_connection;
pub mod event_log;
pub mod http;
pub mod messages;
pub mod mqtt;
pub mod query;
pub mod requests;
pub mod routing;
pub mod sas;
pub mod topics;
pub mod transfer;
pub mod x509;

/// A function that panics when its parser breaks a promise over these bytes.
pub type Target = fn(&[u8]);

/// Every target, by the name of its binary and its corpus.
pub const TARGETS: &[(&str, Target)] = &[
    ("amqp_connection", amqp_connection::amqp_connection),
    ("amqp_frame", amqp::amqp_frame),
    ("amqp_message", messages::amqp_message),
    ("amqp_request", requests::amqp_request),
    ("certificate", x509::certificate),
    ("connection_string", sas::connection_string),
    ("event_log_index", event_log::event_log_index),
    ("event_log_segment", event_log::event_log_segment),
    ("ids", topics::ids),
    ("message_batch", http::message_batch),
    ("mqtt_packet", mqtt::mqtt_packet),
    ("mqtt_topic", topics::mqtt_topic),
    ("mqtt_username", topics::mqtt_username),
    ("query", query::query),
    ("routing_condition", routing::routing_condition),
    ("sas_token", sas::sas_token),
    ("transfer_lines", transfer::transfer_lines),
];
