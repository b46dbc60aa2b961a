//! The port to the hub's API.

use async_trait::async_trait;
pub use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};

use crate::portal::Visitor;

/// The hub's HTTPS API, asked from within.
///
/// It answers exactly as it answers a client with the same request: the
/// credential in the header `Authorization` decides, limits hold, and what is
/// acknowledged is on disk. The header `Host` names the hub. A request may have
/// a [`Spelling`] as an extension, which counts for properties of messages.
#[async_trait]
pub trait Api: Send + Sync {
    /// Answers a request that a visitor asked for. Nobody need wait for what
    /// only reads or asks a device once they have [gone](Visitor::gone).
    async fn call(&self, request: Request<Bytes>, visitor: &Visitor) -> Response<Body>;
}

/// How names of headers were spelt, as an extension of a request: the types of
/// HTTP know small letters alone, and properties of messages have a case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spelling(pub Vec<String>);
