//! The hub's rules, and the ports they stand on.
//!
//! Core knows no protocol and no storage engine. Gateways call it with
//! domain types and a permit; engines implement its [`ports`].
//!
//! | Module | What it holds |
//! |---|---|
//! | [`ids`], [`etag`], [`time`], [`keys`] | names, versions, moments, symmetric keys |
//! | [`hubs`], [`policies`] | the hubs of this process and their shared access policies |
//! | [`certificates`] | authorities that issue devices' certificates |
//! | [`consumer_groups`] | names under which readers keep apart |
//! | [`access`] | tokens and certificates in, callers and permits out |
//! | [`identities`] | the identity registry |
//! | [`twins`] | device and module twins |
//! | [`query`] | the query language over twins |
//! | [`messages`], [`telemetry`], [`events`], [`event_reader`] | what devices send, and what readers read |
//! | [`routing`] | which events go where: routes, conditions, endpoints, delivery |
//! | `cursor` | what the lexers of both languages have in common |
//! | [`transfer`] | import and export of the identity registry |
//! | [`c2d`] | messages to devices and modules, and feedback on them |
//! | [`methods`] | calls of what devices and modules do |
//! | [`readers`], [`traffic`] | who reads events now, and how much passes through |
//! | [`connections`], [`presence`], [`stored_sessions`] | who is connected, and what outlives a connection |
//! | [`connection_events`] | what readers are told of connections |
//! | [`notifications`] | what readers are told of changes of identities and twins |
//! | [`faults`] | faults on demand, for those who test clients |
//! | `metrics` | the names of core's metrics |
//! | [`ports`] | what an engine provides |

pub mod access;
pub mod c2d;
pub mod certificates;
pub mod connection_events;
pub mod connections;
pub mod consumer_groups;
mod cursor;
pub mod etag;
pub mod event_reader;
pub mod events;
pub mod faults;
pub mod hubs;
pub mod identities;
pub mod ids;
pub mod keys;
pub mod messages;
pub mod methods;
mod metrics;
pub mod notifications;
pub mod policies;
pub mod ports;
pub mod presence;
pub mod query;
pub mod readers;
pub mod routing;
pub mod stored_sessions;
pub mod telemetry;
pub mod time;
pub mod traffic;
pub mod transfer;
pub mod twins;
