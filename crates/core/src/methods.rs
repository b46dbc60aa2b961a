//! Direct methods: calls of what devices and modules do.
//!
//! A caller waits until somebody listens to the method, hands the call over,
//! and waits for the answer; each for as long as it likes. Answers that come
//! late or twice, or from somebody else, are dropped. Nothing is stored.
//!
//! | Limit | |
//! |---|---|
//! | payload, and answer | [`MAX_PAYLOAD`] bytes each |
//! | calls of one identity at once | [`MAX_IN_FLIGHT`] |
//! | name | [`MAX_METHOD_NAME`] characters |

mod call;
mod name;
mod replies;
mod request;
mod service;

pub use self::call::{
    DEFAULT_RESPONSE_TIMEOUT, InvalidTimeout, MAX_CONNECT_TIMEOUT, MethodCall, RESPONSE_TIMEOUT,
    Timeouts,
};
pub use self::name::{InvalidMethodName, MAX_METHOD_NAME, MethodName};
pub use self::replies::MAX_IN_FLIGHT;
pub use self::request::{CallId, InvalidCallId, MethodReply, MethodRequest};
pub use self::service::{InvokeError, Methods};

/// The largest payload of a call, and of an answer, in bytes.
pub const MAX_PAYLOAD: usize = 128 * 1024;
