//! Telemetry over HTTPS: one message, or a batch of them.

use std::borrow::Cow;
use std::future::poll_fn;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header, request};
use twinhub_core::access::DevicePermit;
use twinhub_core::faults::Faults;
use twinhub_core::messages::{MAX_DEVICE_TO_CLOUD, Message, MessageRef, SystemProperty};
use twinhub_core::telemetry::{SendError, Telemetry, TelemetrySender};

use crate::documents::message::message_of_request;
use crate::documents::message_batch::{BATCH_TYPE, parse_batch};
use crate::refusal::Refusal;
use crate::response::{Body, empty};

/// `POST /devices/{id}/messages/events`: what was sent is on disk once it is
/// answered, and a batch is refused as a whole.
pub async fn accept(
    telemetry: &Telemetry,
    faults: &Faults,
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
    check_faults(faults, permit, &messages)?;
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
    let (system, application) = borrowed(message);
    let taken = sender.send(&MessageRef {
        system: &system,
        application: &application,
        body: &message.body,
    });
    match taken {
        Ok(()) => Ok(true),
        Err(SendError::Busy(_)) => Ok(false),
        Err(error @ SendError::TooLarge { .. }) => Err(error.into()),
    }
}

/// The fault that was wished for earlier and lasts, or that one of these
/// messages wishes for: over HTTPS it is the answer to that very request.
fn check_faults(
    faults: &Faults,
    permit: &DevicePermit,
    messages: &[Message],
) -> Result<(), Refusal> {
    if let Some(fault) = faults.lasting_for(permit) {
        return Err(fault.into());
    }
    for message in messages {
        let (system, application) = borrowed(message);
        let ordered = faults.ordered(&MessageRef {
            system: &system,
            application: &application,
            body: &message.body,
        });
        if let Some(order) = ordered {
            faults.begin(permit, &order);
            return Err(order.fault.into());
        }
    }
    Ok(())
}

type System<'a> = Vec<(SystemProperty, Cow<'a, str>)>;
type Application<'a> = Vec<(Cow<'a, str>, Option<Cow<'a, str>>)>;

/// The properties of a message, as they are handed on.
fn borrowed(message: &Message) -> (System<'_>, Application<'_>) {
    let system = message.system.iter();
    let application = message.application.iter();
    (
        system
            .map(|(property, value)| (*property, Cow::from(&**value)))
            .collect(),
        application
            .map(|(name, value)| (Cow::from(&**name), value.as_deref().map(Cow::from)))
            .collect(),
    )
}
