//! The hub's error codes: a number whose first three digits are the HTTP
//! status, and a name.
//!
//! <https://learn.microsoft.com/azure/iot-hub/troubleshoot-error-codes>

use http::StatusCode;

/// An error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorCode {
    /// Its number.
    pub number: u32,
    /// Its name, as in header `iothub-errorcode`.
    pub name: &'static str,
}

impl ErrorCode {
    const fn new(number: u32, name: &'static str) -> Self {
        ErrorCode { number, name }
    }

    /// The HTTP status.
    pub fn status(self) -> StatusCode {
        u16::try_from(self.number / 1000)
            .ok()
            .and_then(|status| StatusCode::from_u16(status).ok())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

macro_rules! codes {
    ($($constant:ident = $number:literal $name:literal;)*) => {
        $(
            #[doc = concat!("`", $name, "`")]
            pub const $constant: ErrorCode = ErrorCode::new($number, $name);
        )*

        /// All of them.
        #[cfg(test)]
        const ALL: &[ErrorCode] = &[$($constant),*];
    };
}

codes! {
    GENERIC_BAD_REQUEST = 400_000 "GenericBadRequest";
    INVALID_PROTOCOL_VERSION = 400_001 "InvalidProtocolVersion";
    ARGUMENT_INVALID = 400_004 "ArgumentInvalid";
    FORMAT_ERROR = 400_006 "IotHubFormatError";
    BLOB_CONTAINER_VALIDATION = 400_008 "BlobContainerValidationError";
    DEVICE_DEFINED_MULTIPLE_TIMES = 400_011 "DeviceDefinedMultipleTimes";
    BULK_REGISTRY_OPERATION_FAILURE = 400_013 "BulkRegistryOperationFailure";
    REQUEST_TIMED_OUT = 400_024 "RequestTimedOut";
    INVALID_DEVICE_SCOPE = 400_028 "InvalidDeviceScope";
    BULK_REGENERATE_FAILURE = 400_036 "BulkRegenerateDeviceKeyOperationFailure";
    INVALID_ROUTE_TEST_INPUT = 400_100 "InvalidRouteTestInput";
    INVALID_SOURCE_ON_ROUTE = 400_101 "InvalidSourceOnRoute";
    HUB_NOT_FOUND = 401_001 "IotHubNotFound";
    UNAUTHORIZED_ACCESS = 401_002 "IotHubUnauthorizedAccess";
    SYSTEM_MODULE_MODIFY_UNAUTHORIZED = 401_100 "SystemModuleModifyUnauthorizedAccess";
    QUOTA_EXCEEDED = 403_002 "IotHubQuotaExceeded";
    JOB_QUOTA_EXCEEDED = 403_003 "JobQuotaExceeded";
    QUEUE_FULL = 403_004 "DeviceMaximumQueueDepthExceeded";
    INVALID_EXPIRY = 403_009 "InvalidMessageExpiryTime";
    NOT_AVAILABLE_IN_TIER = 403_010 "OperationNotAvailableInCurrentTier";
    TOO_MANY_CALLS = 403_800 "DeviceMaximumInflightMethodExceeded";
    GENERIC_NOT_FOUND = 404_000 "GenericNotFound";
    DEVICE_NOT_FOUND = 404_001 "DeviceNotFound";
    JOB_NOT_FOUND = 404_002 "JobNotFound";
    CERTIFICATE_NOT_FOUND = 404_008 "CertificateNotFound";
    MODULE_NOT_FOUND = 404_010 "ModuleNotFound";
    DEVICE_NOT_ONLINE = 404_103 "DeviceNotOnline";
    DEVICE_CONNECTION_CLOSED = 404_104 "DeviceConnectionClosedRemotely";
    METHOD_NOT_ALLOWED = 405_000 "GenericMethodNotAllowed";
    DEVICE_ALREADY_EXISTS = 409_001 "DeviceAlreadyExists";
    MODULE_ALREADY_EXISTS = 409_301 "ModuleAlreadyExistsOnDevice";
    BACKUP_UNDER_WAY = 409_900 "BackupUnderWay";
    PRECONDITION_FAILED = 412_001 "PreconditionFailed";
    MESSAGE_LOCK_LOST = 412_002 "DeviceMessageLockLost";
    REQUEST_ENTITY_TOO_LARGE = 413_000 "GenericRequestEntityTooLarge";
    MESSAGE_TOO_LARGE = 413_001 "MessageTooLarge";
    TOO_MANY_DEVICES = 413_002 "TooManyDevices";
    TOO_MANY_MODULES = 413_003 "TooManyModulesOnDevice";
    THROTTLED = 429_001 "ThrottlingException";
    CLIENT_CLOSED_REQUEST = 499_000 "ClientClosedRequest";
    SERVER_ERROR = 500_001 "ServerError";
    NOT_IMPLEMENTED = 501_000 "FeatureNotSupported";
    BAD_GATEWAY = 502_000 "GenericBadGateway";
    SERVICE_UNAVAILABLE = 503_001 "ServiceUnavailable";
    SERVER_BUSY = 503_005 "ServerBusy";
    GATEWAY_TIMEOUT = 504_101 "GatewayTimeout";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_stands_in_the_documentation() {
        let page = include_str!("../../../docs/errors.md");
        let missing: Vec<_> = ALL
            .iter()
            .filter(|code| !page.contains(&format!("| {} | `{}` |", code.number, code.name)))
            .collect();
        assert!(missing.is_empty(), "not in docs/errors.md: {missing:?}");
    }
}
