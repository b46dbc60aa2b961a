//! Direct methods over MQTT.
//!
//! ```text
//! $iothub/methods/POST/{name}/?$rid={call}       to the client
//! $iothub/methods/res/{status}/?$rid={call}      from the client
//! ```

use bytes::Bytes;
use twinhub_core::access::DevicePermit;
use twinhub_core::methods::{MethodReply, MethodRequest, Methods};

use crate::topics::RequestId;

/// Where a call goes. Nothing may stand behind `$rid`: the C SDK takes all of
/// it, and .NET counts characters.
pub(crate) fn call_topic(request: &MethodRequest) -> String {
    let MethodRequest { name, call, .. } = request;
    format!("$iothub/methods/POST/{name}/?$rid={call}")
}

/// Hands a client's answer to whoever waits for it. Late, double and foreign
/// ones are nobody's.
pub(crate) fn reply(
    methods: &Methods,
    permit: &DevicePermit,
    request: RequestId<'_>,
    status: i64,
    payload: &Bytes,
) {
    let Ok(call) = request.as_str().parse() else {
        return tracing::debug!("an answer to a call that is none of ours");
    };
    let reply = MethodReply {
        status,
        // A copy: what was read with it is not kept as long as the caller
        // takes to read.
        payload: Bytes::copy_from_slice(payload),
    };
    if !methods.accept_reply(permit, call, reply) {
        tracing::debug!(%call, "nobody waits for this answer to a method call");
    }
}
