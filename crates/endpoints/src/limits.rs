//! How long endpoints may take.
//!
//! | | |
//! |---|---|
//! | [`CONNECT`] | until somebody is there |
//! | [`ANSWER`] | until whoever is there has answered a question or a login, or has accepted the next event |
//! | [`CALL`] | a call of core's: what is left then is given again |

use std::future::Future;
use std::time::Duration;

use twinhub_core::ports::{DeliveryFailure, FailureReason};

/// Until there is a connection.
pub(crate) const CONNECT: Duration = Duration::from_secs(5);
/// Until there is an answer.
pub(crate) const ANSWER: Duration = Duration::from_secs(15);
/// What a call may take in all.
pub(crate) const CALL: Duration = Duration::from_secs(60);

/// What `work` gives, unless it takes longer: it is dropped then, with its
/// connections.
pub(crate) async fn within<T>(
    limit: Duration,
    who: &str,
    work: impl Future<Output = Result<T, DeliveryFailure>>,
) -> Result<T, DeliveryFailure> {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
        let detail = format!("{who} did not answer within {} s", limit.as_secs());
        Err(DeliveryFailure::new(FailureReason::Timeout, detail))
    })
}
