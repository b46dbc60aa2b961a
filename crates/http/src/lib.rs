//! The HTTPS gateway: the hub's REST API, its management, and the way to
//! WebSockets.
//!
//! One connection is served by [`Gateway::serve`]. A request is routed by its
//! path and method ([`router`]), its caller admitted, its body read within the
//! endpoint's limit, and the operation called in core; [`errors`] turns what
//! core refuses into the hub's codes. Nothing of a body is read before the
//! caller is known.
//!
//! | Module | What it holds |
//! |---|---|
//! | [`gateway`] | the life of a connection and of a request |
//! | [`api`] | what answers a request, also one of this process |
//! | [`pages`] | the seam for what people look at |
//! | [`router`], [`request`], [`response`] | HTTP in and out, with the clients' habits |
//! | [`identities`], [`twins`], [`query`], [`methods`], [`transfers`] | the operations, named as in core |
//! | [`messages`], [`telemetry`], [`c2d`], [`events`] | what devices send and receive, and what followers read |
//! | [`status`] | how the hub stands |
//! | `waiting` | who waits for an answer, and what ends the waiting |
//! | [`documents`] | JSON bodies, and messages as headers |
//! | [`errors`], [`error_codes`], [`refusal`] | what is refused, and how it is said |
//! | [`management`] | the resource provider's calls |
//! | [`websocket`] | the seam for protocols over WebSocket |

pub mod api;
pub mod c2d;
mod connection;
pub mod documents;
pub mod error_codes;
pub mod errors;
pub mod events;
pub mod gateway;
pub mod header_case;
pub mod health;
pub mod identities;
mod linger;
pub mod management;
pub mod messages;
pub mod methods;
mod metrics;
pub mod pages;
pub mod query;
pub mod refusal;
pub mod request;
pub mod response;
pub mod router;
pub mod status;
pub mod telemetry;
pub mod transfers;
pub mod twins;
mod unread;
mod waiting;
pub mod websocket;

pub use api::{Api, Services};
pub use events::EventStreams;
pub use gateway::{Gateway, Served};
pub use health::Health;
pub use management::backup::{BackupState, BackupStatus, Backups, CannotBackUp};
pub use management::installation::{Installation, Logged, Storage};
pub use management::routing::RoutingServices;
pub use messages::MessageServices;
pub use pages::{Pages, Visitor};
pub use status::StatusServices;
pub use waiting::Ends;
pub use websocket::{ByteStream, WebSocketRoute};
