//! Telemetry over HTTPS: one message, or a batch of them.

use std::borrow::Cow;
use std::future::poll_fn;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header, request};
use twinhub_core::access::DevicePermit;
use twinhub_core::messages::{MAX_DEVICE_TO_CLOUD, Message, MessageRef};
use twinhub_core::telemetry::{SendError, Telemetry, TelemetrySender};

use crate::documents::message::message_of_request;
use crate::documents::message_batch::{BATCH_TYPE, parse_batch};
use crate::refusal::Refusal;
use crate::response::{Body, empty};

/// `POST /devices/{id}/messages/events`: what was sent is on disk once it is
/// answered, and a batch is refused as a whole.
pub async fn accept(
    telemetry: &Telemetry,
    permit: &DevicePermit,
    head: &request::Parts,
    body: Bytes,
) -> Result<Response<Body>, Refusal> {
    let messages = if is_batch(&head.headers) {
        parse_batch(&body)?
    } else {
        vec![message_of_request(head, body).await?]
    };
    if let Some(size) = messages
        .iter()
        .map(Message::size)
        .find(|size| *size > MAX_DEVICE_TO_CLOUD)
    {
        return Err(SendError::TooLarge { size }.into());
    }
    let mut sender = telemetry.sender(permit, None)?;
    store(&mut sender, &messages).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

fn is_batch(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case(BATCH_TYPE))
}

/// Returns once every message is durable.
async fn store(sender: &mut TelemetrySender, messages: &[Message]) -> Result<(), Refusal> {
    let mut durable = 0;
    for message in messages {
        while !take(sender, message)? {
            sender.hand_over();
            durable = poll_fn(|cx| sender.poll_durable(cx, durable)).await?;
        }
    }
    sender.hand_over();
    while durable < messages.len() as u64 {
        durable = poll_fn(|cx| sender.poll_durable(cx, durable)).await?;
    }
    Ok(())
}

/// Whether the sender took a message; it may have too much waiting already.
fn take(sender: &mut TelemetrySender, message: &Message) -> Result<bool, Refusal> {
    let system: Vec<_> = message
        .system
        .iter()
        .map(|(property, value)| (*property, Cow::from(&**value)))
        .collect();
    let application: Vec<_> = message
        .application
        .iter()
        .map(|(name, value)| (Cow::from(&**name), value.as_deref().map(Cow::from)))
        .collect();
    let borrowed = MessageRef {
        system: &system,
        application: &application,
        body: &message.body,
    };
    match sender.send(&borrowed) {
        Ok(()) => Ok(true),
        Err(SendError::Busy(_)) => Ok(false),
        Err(error @ SendError::TooLarge { .. }) => Err(error.into()),
    }
}
