//! Devices, modules and back ends over AMQP.

pub mod messages;
pub mod service;
