//! Custom endpoints: what routes lead to besides the hub itself.
//!
//! [`Endpoints`] is core's port for targets, one module for each kind of
//! endpoint. A target writes the events of one partition: it takes them in
//! order, and says how many have arrived. What to do after a failure, and
//! when, is core's to decide.
//!
//! | Module | What it holds |
//! |---|---|
//! | `endpoints` | which kind is written by what |
//! | `amqp` | a queue, topic or event hub that speaks AMQP 1.0 |
//! | `json` | bodies that can stand in a document as they are |
//! | `limits` | how long endpoints may take |
//! | `nats` | a subject of NATS, with JetStream or without |
//! | `size` | how much memory an event on its way takes |
//! | `storage` | blobs of JSON lines and of Avro |
//! | `told` | what others say, to be shown |
//! | `trust` | whom connections to endpoints trust |
//! | `unavailable` | an endpoint that can't be written |
//! | `webhook` | requests with CloudEvents or Event Grid's events |

mod amqp;
mod endpoints;
mod json;
mod limits;
mod nats;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod silent;
mod size;
mod storage;
mod told;
mod trust;
mod unavailable;
mod webhook;

pub use endpoints::Endpoints;
pub use trust::InvalidAuthorities;
