//! Reads of a row or two, done where they are asked for.
//!
//! Such a read takes some ten microseconds, for the pages are mostly in
//! memory; a thread of its own would cost it two switches, which are several
//! times that. A connection storm is made of such reads. What may read many
//! rows goes to [`Readers`](crate::readers::Readers) instead.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use rusqlite::Connection;
use twinhub_core::ports::StoreError;

use crate::open::{OpenError, StateFile};

/// With more threads than these they wait for each other, each for one read.
const MAX_CONNECTIONS: usize = 16;

/// A connection for each thread that may read at once; none once it is closed.
pub(crate) struct PointReads {
    connections: Box<[Mutex<Option<Connection>>]>,
}

impl PointReads {
    /// Opens the connections.
    pub(crate) fn open(file: &StateFile) -> Result<Self, OpenError> {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let connections = (0..threads.min(MAX_CONNECTIONS)).map(|_| {
            let connection = file.reader().map_err(|error| file.refused(error))?;
            Ok(Mutex::new(Some(connection)))
        });
        Ok(PointReads {
            connections: connections.collect::<Result<_, OpenError>>()?,
        })
    }

    /// Reads at once, on this thread. What was committed before is seen.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let connection = self.free();
        let Some(connection) = &*connection else {
            return Err(StoreError::closed());
        };
        // A fault in one read must not take the others' connection away.
        catch_unwind(AssertUnwindSafe(|| read(connection)))
            .unwrap_or_else(|_| Err(StoreError::corrupt("a read was cut off")))
    }

    /// Closes the connections; what comes later is refused.
    pub(crate) fn close(&self) {
        for connection in &self.connections {
            lock(connection).take();
        }
    }

    fn free(&self) -> MutexGuard<'_, Option<Connection>> {
        let mut free = self.connections.iter();
        match free.find_map(|connection| connection.try_lock().ok()) {
            Some(connection) => connection,
            None => lock(&self.connections[0]),
        }
    }
}

fn lock(connection: &Mutex<Option<Connection>>) -> MutexGuard<'_, Option<Connection>> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}
