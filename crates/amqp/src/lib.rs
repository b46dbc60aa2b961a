//! Devices, modules and back ends over AMQP: what is behind the addresses of a
//! hub.
//!
//! Connections, credentials and the handles of links are `twinhub-amqp-server`'s;
//! this crate has the [containers](twinhub_amqp_server::Container) that serve
//! links, and knows core.
//!
//! | Module | What it holds |
//! |---|---|
//! | [`device`] | links of devices and modules, below `/devices` |
//! | [`service`] | links of back ends, below `/messages` |
//! | [`messages`] | AMQP sections to the hub's messages, and back |

pub mod device;
pub mod messages;
pub mod service;
