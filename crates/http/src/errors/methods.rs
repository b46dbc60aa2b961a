//! Why a method call has no answer.

use twinhub_core::methods::InvokeError;

use super::not_found;
use crate::error_codes as codes;
use crate::refusal::Refusal;

impl From<InvokeError> for Refusal {
    fn from(error: InvokeError) -> Self {
        let message = error.to_string();
        match error {
            InvokeError::NotRegistered(id) => not_found(&id),
            // A disabled device can't be online.
            InvokeError::Disabled(_) | InvokeError::NotOnline(_) => {
                Refusal::new(codes::DEVICE_NOT_ONLINE, message)
            }
            InvokeError::Disconnected(_) => Refusal::new(codes::DEVICE_CONNECTION_CLOSED, message),
            InvokeError::TooManyInFlight(_) => Refusal::new(codes::TOO_MANY_CALLS, message),
            InvokeError::PayloadTooLarge(_) => Refusal::new(codes::MESSAGE_TOO_LARGE, message),
            InvokeError::NoAnswer(_) => Refusal::new(codes::GATEWAY_TIMEOUT, message),
            InvokeError::AnswerNotJson(_) | InvokeError::AnswerTooLarge(_) => {
                Refusal::new(codes::BAD_GATEWAY, message)
            }
            InvokeError::Store(error) => error.into(),
        }
    }
}
