//! What a caller asks for.

use std::time::Duration;

use bytes::Bytes;

use super::MethodName;
use crate::ids::IdentityId;

/// How long a caller may wait for a device to come, in seconds.
pub const MAX_CONNECT_TIMEOUT: u64 = 300;
/// How long a caller must and may wait for an answer, in seconds.
pub const RESPONSE_TIMEOUT: std::ops::RangeInclusive<u64> = 5..=300;
/// How long callers that say nothing wait for an answer, in seconds.
pub const DEFAULT_RESPONSE_TIMEOUT: u64 = 30;

/// A call of a method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodCall {
    /// Who is called.
    pub target: IdentityId,
    /// What is called.
    pub name: MethodName,
    /// JSON, if any; at most [`MAX_PAYLOAD`](super::MAX_PAYLOAD).
    pub payload: Option<Bytes>,
    /// How long the caller waits.
    pub timeouts: Timeouts,
}

/// How long a caller waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    connect: Duration,
    response: Duration,
}

/// A timeout outside its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTimeout {
    /// For the connection.
    #[error("the connect timeout of {0} s is not between 0 and {MAX_CONNECT_TIMEOUT} s")]
    Connect(u64),
    /// For the answer.
    #[error("the response timeout of {0} s is not between {min} and {max} s",
        min = RESPONSE_TIMEOUT.start(), max = RESPONSE_TIMEOUT.end())]
    Response(u64),
}

impl Timeouts {
    /// Timeouts in seconds, or the defaults: no waiting for a connection,
    /// [`DEFAULT_RESPONSE_TIMEOUT`].
    ///
    /// The hub refuses a connect timeout that is longer than the response
    /// timeout, but the C SDK always asks for 60 s: it is cut to that.
    pub fn from_seconds(
        connect: Option<u64>,
        response: Option<u64>,
    ) -> Result<Self, InvalidTimeout> {
        let connect = connect.unwrap_or(0);
        let response = response.unwrap_or(DEFAULT_RESPONSE_TIMEOUT);
        if connect > MAX_CONNECT_TIMEOUT {
            return Err(InvalidTimeout::Connect(connect));
        }
        if !RESPONSE_TIMEOUT.contains(&response) {
            return Err(InvalidTimeout::Response(response));
        }
        Ok(Timeouts {
            connect: Duration::from_secs(connect.min(response)),
            response: Duration::from_secs(response),
        })
    }

    /// How long to wait until somebody listens to the method.
    pub fn connect(self) -> Duration {
        self.connect
    }

    /// How long to wait for the answer.
    pub fn response(self) -> Duration {
        self.response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_stay_within_their_ranges() {
        for (connect, response) in [(0, 5), (300, 300), (60, 60)] {
            let timeouts = Timeouts::from_seconds(Some(connect), Some(response)).unwrap();

            assert_eq!(timeouts.connect(), Duration::from_secs(connect));
            assert_eq!(timeouts.response(), Duration::from_secs(response));
        }
        assert_eq!(
            Timeouts::from_seconds(Some(301), Some(300)),
            Err(InvalidTimeout::Connect(301))
        );
        for response in [0, 4, 301] {
            assert_eq!(
                Timeouts::from_seconds(None, Some(response)),
                Err(InvalidTimeout::Response(response))
            );
        }
    }

    #[test]
    fn nobody_waits_longer_for_a_connection_than_for_an_answer() {
        let timeouts = Timeouts::from_seconds(Some(60), None).unwrap();

        assert_eq!(timeouts.connect(), Duration::from_secs(30));
        assert_eq!(timeouts.response(), Duration::from_secs(30));
    }
}
