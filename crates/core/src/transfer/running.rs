//! A job while it runs.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::book::STOPPED;
use super::error::TransferError;
use super::export::Export;
use super::import::Import;
use super::job::{Ended, TransferId};
use super::progress::Progress;
use crate::ids::HubName;

/// What is known of a job that this process runs.
#[derive(Clone)]
pub(super) struct Running {
    pub hub: HubName,
    pub id: TransferId,
    pub progress: Arc<Progress>,
    pub cancel: CancellationToken,
    /// The hub's end, which is an end of the job, too.
    pub stopping: CancellationToken,
    /// Cancelled when its end is noted, or its task is gone.
    pub ended: CancellationToken,
}

/// A job with all it needs.
pub(super) enum Work {
    Export(Export),
    Import(Box<Import>),
}

impl Work {
    async fn run(self) -> Result<(), TransferError> {
        match self {
            Work::Export(export) => export.run().await,
            Work::Import(import) => import.run().await,
        }
    }
}

impl Running {
    /// A job that is about to run.
    pub(super) fn new(
        hub: HubName,
        id: TransferId,
        progress: Arc<Progress>,
        stopping: &CancellationToken,
    ) -> Self {
        Running {
            hub,
            id,
            progress,
            cancel: stopping.child_token(),
            stopping: stopping.clone(),
            ended: CancellationToken::new(),
        }
    }

    /// Runs the job on a thread of its own: it has much to compute, and would
    /// keep the threads that sessions live on from them.
    pub(super) async fn run(
        &self,
        work: impl Future<Output = Result<Work, TransferError>> + Send + 'static,
    ) -> Ended {
        let (runtime, this) = (Handle::current(), self.clone());
        let job = move || runtime.block_on(this.until_it_ends(work));
        let ended = spawn_blocking(job).await;
        ended.unwrap_or_else(|error| {
            tracing::error!(job = %self.id, %error, "an import or export has panicked");
            let reason = "the job has broken off".to_owned();
            Ended::Failed { reason }
        })
    }

    async fn until_it_ends(
        &self,
        work: impl Future<Output = Result<Work, TransferError>>,
    ) -> Ended {
        let done = async { work.await?.run().await };
        match self.cancel.run_until_cancelled(done).await {
            Some(Ok(())) => Ended::Completed,
            Some(Err(error)) => {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(job = %self.id, %error, source, "an import or export failed");
                let reason = error.to_string();
                Ended::Failed { reason }
            }
            None if self.stopping.is_cancelled() => {
                let reason = STOPPED.to_owned();
                Ended::Failed { reason }
            }
            None => Ended::Cancelled,
        }
    }
}
