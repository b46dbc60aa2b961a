//! AMQP 1.0 connections: who is at the other end, and which links lead where.
//!
//! [`Server::serve`] speaks AMQP on a stream that somebody else accepted. It
//! knows who may attach what only through core, and what is behind a link not
//! at all: a [`Container`] answers the attaches of its addresses with futures,
//! and the connection's task polls them. See `docs/adr/0012`.
//!
//! | Module | What it holds |
//! |---|---|
//! | [`address`] | what a link is attached to |
//! | [`container`] | the seam: who serves which links |
//! | [`links`] | the handles by which links are served |
//! | [`credentials`], [`context`] | what a connection has proved, and what its links know of it |
//! | [`permit_watch`] | the right of a back end's link to exist |
//! | [`errors`] | refusals as conditions and descriptions |
//! | [`echo`] | what an answer may repeat of its request |
//! | `sasl`, `cbs` | how credentials come in |
//! | `connection` | the task of one connection |
//! | [`server`] | what all connections share |

pub mod address;
mod cbs;
mod connection;
pub mod container;
pub mod context;
pub mod credentials;
pub mod echo;
pub mod errors;
pub mod links;
mod metrics;
pub mod permit_watch;
mod sasl;
pub mod server;

pub use address::Address;
pub use container::{Attached, Container, Nodes};
pub use context::ConnectionContext;
pub use credentials::Credentials;
pub use errors::{HubError, refusal};
pub use links::{
    CannotSend, DeliveryId, Direction, Gone, Incoming, IncomingDelivery, IncomingTerms,
    NewDelivery, Outgoing, OutgoingTerms, PendingLink, SessionKey, Settlement,
};
pub use permit_watch::PermitWatch;
pub use server::{Server, Services, Settings};
