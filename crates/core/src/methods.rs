//! Direct methods: calls of what devices and modules do.

mod name;
mod request;

pub use self::name::{InvalidMethodName, MAX_METHOD_NAME, MethodName};
pub use self::request::{CallId, InvalidCallId, MethodReply, MethodRequest};
