//! Core's errors as refusals: the one place where this gateway maps them.
//! No match has a catch-all arm, so that a new variant stops the build here.

use twinhub_core::access::{MissingRight, Refused};
use twinhub_core::hubs::{ChangeAuthorityError, ChangeConsumerGroupError, ChangeHubError};
use twinhub_core::identities::{
    DeleteError, HubFull, InvalidAuthentication, InvalidScope, ItemError, PutDeviceError,
    PutModuleError, ReadError, RegenerateError,
};
use twinhub_core::ids::IdentityId;
use twinhub_core::ports::StoreError;
use twinhub_core::twins::{InvalidProperties, ReadTwinError, WriteTwinError};

use crate::error_codes as codes;
use crate::refusal::Refusal;

mod c2d;
mod messages;
mod methods;
mod query;
mod routing;
mod transfers;

/// The hub shows a missing device by its ID alone.
fn not_found(id: &IdentityId) -> Refusal {
    match id {
        IdentityId::Device(device) => Refusal::new(codes::DEVICE_NOT_FOUND, device.as_str()),
        IdentityId::Module { .. } => Refusal::new(
            codes::MODULE_NOT_FOUND,
            format!("module {id} is not registered"),
        ),
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let source = std::error::Error::source(&error).map(ToString::to_string);
        tracing::error!(%error, source, "the store failed");
        let message = if error.certainly_not_written() {
            "the hub could not reach its storage, nothing was changed; try again"
        } else {
            "the hub's storage failed, the change may or may not have happened; read before you try again"
        };
        Refusal::new(codes::SERVICE_UNAVAILABLE, message)
    }
}

impl From<MissingRight> for Refusal {
    fn from(error: MissingRight) -> Self {
        Refusal::new(
            codes::UNAUTHORIZED_ACCESS,
            format!("{error}; use a policy that has it"),
        )
    }
}

impl From<Refused> for Refusal {
    fn from(error: Refused) -> Self {
        let unauthorized = |message: String| Refusal::new(codes::UNAUTHORIZED_ACCESS, message);
        match error {
            Refused::Malformed(_)
            | Refused::Resource(_)
            | Refused::Expired
            | Refused::OutOfScope
            | Refused::Signature
            | Refused::Disabled => unauthorized(error.to_string()),
            // Whom there is, and how they prove it, is not told to strangers.
            Refused::OtherProof | Refused::NotRegistered(_) => {
                unauthorized(Refused::Signature.to_string())
            }
            Refused::Certificate(_) => {
                unauthorized("the certificate is not one that lets the identity in".to_owned())
            }
            Refused::MissingRight(missing) => missing.into(),
            Refused::Store(error) => error.into(),
        }
    }
}

impl From<InvalidAuthentication> for Refusal {
    fn from(error: InvalidAuthentication) -> Self {
        Refusal::invalid(error.to_string())
    }
}

impl From<InvalidScope> for Refusal {
    fn from(error: InvalidScope) -> Self {
        Refusal::new(codes::INVALID_DEVICE_SCOPE, error.to_string())
    }
}

impl From<HubFull> for Refusal {
    fn from(error: HubFull) -> Self {
        Refusal::new(codes::QUOTA_EXCEEDED, error.to_string())
    }
}

impl From<InvalidProperties> for Refusal {
    fn from(error: InvalidProperties) -> Self {
        Refusal::invalid(error.to_string())
    }
}

impl From<ReadError> for Refusal {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::NoSuchDevice(device) => not_found(&device.into()),
            ReadError::NoSuchModule(id) => not_found(&id),
            ReadError::Store(error) => error.into(),
        }
    }
}

impl From<PutDeviceError> for Refusal {
    fn from(error: PutDeviceError) -> Self {
        let message = error.to_string();
        match error {
            PutDeviceError::AlreadyExists(_) => Refusal::new(codes::DEVICE_ALREADY_EXISTS, message),
            PutDeviceError::NotRegistered(device) => not_found(&device.into()),
            PutDeviceError::EtagMismatch { .. } => {
                Refusal::new(codes::PRECONDITION_FAILED, message)
            }
            PutDeviceError::Authentication(error) => error.into(),
            PutDeviceError::Scope(error) => error.into(),
            PutDeviceError::StatusReasonTooLong => Refusal::invalid(message),
            PutDeviceError::HubFull(error) => error.into(),
            PutDeviceError::Store(error) => error.into(),
        }
    }
}

impl From<PutModuleError> for Refusal {
    fn from(error: PutModuleError) -> Self {
        let message = error.to_string();
        match error {
            PutModuleError::NoSuchDevice(device) => not_found(&device.into()),
            PutModuleError::AlreadyExists(_) => Refusal::new(codes::MODULE_ALREADY_EXISTS, message),
            PutModuleError::NotRegistered(id) => not_found(&id),
            PutModuleError::EtagMismatch { .. } => {
                Refusal::new(codes::PRECONDITION_FAILED, message)
            }
            PutModuleError::ReservedId(_) => Refusal::invalid(message),
            PutModuleError::SystemModule(_) => {
                Refusal::new(codes::SYSTEM_MODULE_MODIFY_UNAUTHORIZED, message)
            }
            PutModuleError::TooManyModules { .. } => Refusal::new(codes::TOO_MANY_MODULES, message),
            PutModuleError::Authentication(error) => error.into(),
            PutModuleError::HubFull(error) => error.into(),
            PutModuleError::Store(error) => error.into(),
        }
    }
}

impl From<DeleteError> for Refusal {
    fn from(error: DeleteError) -> Self {
        let message = error.to_string();
        match error {
            DeleteError::NoSuchDevice(device) => not_found(&device.into()),
            DeleteError::NoSuchModule(id) => not_found(&id),
            DeleteError::EtagMissing | DeleteError::EtagMismatch { .. } => {
                Refusal::new(codes::PRECONDITION_FAILED, message)
            }
            DeleteError::SystemModule(_) => {
                Refusal::new(codes::SYSTEM_MODULE_MODIFY_UNAUTHORIZED, message)
            }
            DeleteError::Store(error) => error.into(),
        }
    }
}

impl From<ItemError> for Refusal {
    fn from(error: ItemError) -> Self {
        let message = error.to_string();
        match error {
            ItemError::PutDevice(error) => error.into(),
            ItemError::PutModule(error) => error.into(),
            ItemError::Delete(error) => error.into(),
            ItemError::EtagMissing | ItemError::TwinEtagMismatch { .. } => {
                Refusal::new(codes::PRECONDITION_FAILED, message)
            }
            ItemError::NoSuchTwin(id) => not_found(&id),
            ItemError::Properties(error) => error.into(),
            ItemError::Store(error) => error.into(),
        }
    }
}

impl From<RegenerateError> for Refusal {
    fn from(error: RegenerateError) -> Self {
        let message = error.to_string();
        match error {
            RegenerateError::NotRegistered(id) => not_found(&id),
            RegenerateError::NoKeys(_) => Refusal::invalid(message),
            RegenerateError::SystemModule(_) => {
                Refusal::new(codes::SYSTEM_MODULE_MODIFY_UNAUTHORIZED, message)
            }
            RegenerateError::Store(error) => error.into(),
        }
    }
}

// The hub says "device not found" for a missing module twin, too.
impl From<ReadTwinError> for Refusal {
    fn from(error: ReadTwinError) -> Self {
        match error {
            ReadTwinError::NotRegistered(id) => {
                Refusal::new(codes::DEVICE_NOT_FOUND, id.to_string())
            }
            ReadTwinError::Store(error) => error.into(),
        }
    }
}

impl From<WriteTwinError> for Refusal {
    fn from(error: WriteTwinError) -> Self {
        let message = error.to_string();
        match error {
            WriteTwinError::NotRegistered(id) => {
                Refusal::new(codes::DEVICE_NOT_FOUND, id.to_string())
            }
            WriteTwinError::EtagMismatch { .. } => {
                Refusal::new(codes::PRECONDITION_FAILED, message)
            }
            WriteTwinError::Properties(error) => error.into(),
            WriteTwinError::Store(error) => error.into(),
        }
    }
}

impl From<ChangeAuthorityError> for Refusal {
    fn from(error: ChangeAuthorityError) -> Self {
        let message = error.to_string();
        match error {
            ChangeAuthorityError::NoSuchHub(_) => Refusal::new(codes::GENERIC_NOT_FOUND, message),
            ChangeAuthorityError::NoSuchCertificate(_) => {
                Refusal::new(codes::CERTIFICATE_NOT_FOUND, message)
            }
            ChangeAuthorityError::Exists(_)
            | ChangeAuthorityError::EtagMissing(_)
            | ChangeAuthorityError::EtagMismatch { .. } => {
                Refusal::new(codes::PRECONDITION_FAILED, message)
            }
            ChangeAuthorityError::TooMany => Refusal::new(codes::QUOTA_EXCEEDED, message),
            ChangeAuthorityError::Invalid(_) => Refusal::invalid(message),
            ChangeAuthorityError::Store(error) => error.into(),
        }
    }
}

impl From<ChangeConsumerGroupError> for Refusal {
    fn from(error: ChangeConsumerGroupError) -> Self {
        let message = error.to_string();
        match error {
            ChangeConsumerGroupError::NoSuchHub(_)
            | ChangeConsumerGroupError::NoSuchConsumerGroup(_) => {
                Refusal::new(codes::GENERIC_NOT_FOUND, message)
            }
            ChangeConsumerGroupError::Default => Refusal::invalid(message),
            ChangeConsumerGroupError::TooMany { .. } => {
                Refusal::new(codes::QUOTA_EXCEEDED, message)
            }
            ChangeConsumerGroupError::Store(error) => error.into(),
        }
    }
}

impl From<ChangeHubError> for Refusal {
    fn from(error: ChangeHubError) -> Self {
        let message = error.to_string();
        match error {
            ChangeHubError::NoSuchHub(_) | ChangeHubError::NoSuchPolicy(_) => {
                Refusal::new(codes::GENERIC_NOT_FOUND, message)
            }
            ChangeHubError::EtagMismatch { .. } => {
                Refusal::new(codes::PRECONDITION_FAILED, message)
            }
            ChangeHubError::TooManyPolicies | ChangeHubError::NamedTwice(_) => {
                Refusal::invalid(message)
            }
            ChangeHubError::Routing(error) => error.into(),
            ChangeHubError::Store(error) => error.into(),
        }
    }
}
