//! What back ends are told: a condition that SDKs know, and the hub's code.

use twinhub_amqp_engine::performatives::condition;
use twinhub_amqp_engine::value::Symbol;
use twinhub_amqp_server::errors::codes;
use twinhub_amqp_server::{Direction, HubError};
use twinhub_core::c2d::{FeedbackError, SendError};

const ARGUMENT_ERROR: Symbol = Symbol::from_static("com.microsoft:argument-error");
const LOCK_LOST: Symbol = Symbol::from_static("com.microsoft:message-lock-lost");

/// `DeviceMaximumQueueDepthExceeded`
const QUEUE_FULL: u32 = 403_004;
/// `InvalidMessageExpiryTime`
const INVALID_EXPIRY: u32 = 403_009;
/// `DeviceNotFound`
const DEVICE_NOT_FOUND: u32 = 404_001;
/// `ModuleNotFound`
const MODULE_NOT_FOUND: u32 = 404_010;
/// `DeviceMessageLockLost`
const MESSAGE_LOCK_LOST: u32 = 412_002;
/// `MessageTooLarge`
const MESSAGE_TOO_LARGE: u32 = 413_001;

/// Why a message was not queued.
pub(super) fn not_sent(error: &SendError) -> HubError {
    let message = error.to_string();
    match error {
        SendError::NoSuchDevice(_) => {
            HubError::new(condition::NOT_FOUND, DEVICE_NOT_FOUND, message)
        }
        SendError::NoSuchModule(_) => {
            HubError::new(condition::NOT_FOUND, MODULE_NOT_FOUND, message)
        }
        SendError::QueueFull(_) => {
            HubError::new(condition::RESOURCE_LIMIT_EXCEEDED, QUEUE_FULL, message)
        }
        SendError::TooLarge { .. } => {
            HubError::new(condition::MESSAGE_SIZE_EXCEEDED, MESSAGE_TOO_LARGE, message)
        }
        SendError::InvalidExpiry { .. } => HubError::new(ARGUMENT_ERROR, INVALID_EXPIRY, message),
        SendError::Store(error) => error.into(),
    }
}

/// Why a batch of feedback was not settled or not received.
pub(super) fn no_feedback(error: &FeedbackError) -> HubError {
    match error {
        FeedbackError::LockLost => lock_lost(),
        FeedbackError::Store(error) => error.into(),
    }
}

/// The lock ran out, or somebody else settled.
pub(super) fn lock_lost() -> HubError {
    let message = FeedbackError::LockLost.to_string();
    HubError::new(LOCK_LOST, MESSAGE_LOCK_LOST, message)
}

/// What a message says that makes no sense.
pub(super) fn argument(message: impl Into<String>) -> HubError {
    HubError::new(ARGUMENT_ERROR, codes::ARGUMENT_INVALID, message)
}

/// The address is one that the peer cannot send to, or receive from.
pub(super) fn wrong_way(possible: Direction) -> HubError {
    let message = match possible {
        Direction::ToHub => "this address takes messages, attach a sender",
        Direction::FromHub => "this address gives messages, attach a receiver",
    };
    HubError::new(condition::NOT_ALLOWED, codes::ARGUMENT_INVALID, message)
}
