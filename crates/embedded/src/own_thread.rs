//! A thread of the engine's own, which somebody waits for once. Who has it
//! tells it to stop, in whatever way it hears.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// A thread, until somebody has waited for it.
pub(crate) struct OwnThread {
    thread: Mutex<Option<JoinHandle<()>>>,
    /// What is said if it has panicked.
    panicked: &'static str,
}

impl OwnThread {
    /// Starts a thread.
    pub(crate) fn start(
        name: &str,
        panicked: &'static str,
        work: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        let thread = thread::Builder::new().name(name.to_owned()).spawn(work)?;
        Ok(OwnThread {
            thread: Mutex::new(Some(thread)),
            panicked,
        })
    }

    /// Waits for its end, unless somebody has.
    pub(crate) async fn ended(&self) {
        if let Some(thread) = self.take() {
            let joined = tokio::task::spawn_blocking(move || thread.join()).await;
            self.report(!matches!(joined, Ok(Ok(()))));
        }
    }

    /// Waits for its end, unless somebody has. Blocks.
    pub(crate) fn join(&self) {
        if let Some(thread) = self.take() {
            self.report(thread.join().is_err());
        }
    }

    fn take(&self) -> Option<JoinHandle<()>> {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        thread.take()
    }

    fn report(&self, has_panicked: bool) {
        if has_panicked {
            tracing::error!("{}", self.panicked);
        }
    }
}
