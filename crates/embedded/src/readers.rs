//! A few connections that read.
//!
//! Reads wait for the disk, so they run on tokio's blocking threads. Who finds
//! no free connection waits in line; the line is as long as there are callers.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;
use tokio::task;
use twinhub_core::ports::StoreError;

use crate::open::StateFile;

const CONNECTIONS: usize = 4;

/// The connections that read.
pub(crate) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    /// One permit for each connection.
    free: Arc<Semaphore>,
}

impl Readers {
    pub(crate) fn open(file: &StateFile) -> rusqlite::Result<Self> {
        let connections = (0..CONNECTIONS).map(|_| file.reader());
        Ok(Readers {
            idle: Arc::new(Mutex::new(connections.collect::<Result<_, _>>()?)),
            free: Arc::new(Semaphore::new(CONNECTIONS)),
        })
    }

    /// Reads with one of the connections. What was committed before is seen.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = self.free.clone().acquire_owned().await;
        let permit = permit.map_err(|_| StoreError::closed())?;
        let idle = self.idle.clone();
        let reading = task::spawn_blocking(move || {
            let connection = lock(&idle).pop().ok_or_else(StoreError::closed)?;
            let result = read(&connection);
            lock(&idle).push(connection);
            drop(permit);
            result
        });
        reading
            .await
            .unwrap_or_else(|gone| Err(StoreError::not_written("a read was cut off", gone)))
    }

    /// Takes no more reads, and returns when the last one has ended.
    pub(crate) async fn close(&self) {
        let all = u32::try_from(CONNECTIONS).expect("a handful fits");
        // An error means that they are closed already.
        let _ = self.free.acquire_many(all).await;
        self.free.close();
        lock(&self.idle).clear();
    }
}

fn lock(idle: &Mutex<Vec<Connection>>) -> std::sync::MutexGuard<'_, Vec<Connection>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}
