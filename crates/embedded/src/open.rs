//! Opening the state file, and connections to it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::errors::is_damage;
use crate::schema::{self, Found};

/// Older ones can corrupt a write-ahead log that is reset while it is read.
const OLDEST_SQLITE: i32 = 3_051_003;
pub(crate) const FILE_NAME: &str = "state.db";
/// The log is cut back to this size when it starts anew.
const LOG_BYTES_KEPT: i64 = 64 * 1024 * 1024;
/// The checkpointer may hold the writer up; nobody else can.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
const CACHE_KIB: i64 = 8 * 1024;
const STATEMENTS_KEPT: usize = 64;

/// Why the state could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The linked SQLite is too old to be trusted.
    #[error("SQLite {found} is linked, 3.51.3 or later is needed")]
    SqliteTooOld {
        /// What is linked.
        found: &'static str,
    },
    /// The folder or the file can't be made or reached.
    #[error("could not open {path}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// SQLite can't open the file.
    #[error("could not open the state file {path}")]
    Sqlite {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// The file is not what was once written.
    #[error("the state file {path} is damaged; restore it from a backup")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// The file is a database, but not ours.
    #[error("{path} is a database of another program")]
    Foreign {
        /// Which file.
        path: PathBuf,
    },
    /// The file was written by a later release.
    #[error("the state file {path} has format {found}, this release reads format {known}")]
    UnknownFormat {
        /// Which file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// A thread could not be started.
    #[error("could not start a thread")]
    Thread(#[source] io::Error),
}

/// The state file, and how to connect to it.
#[derive(Debug, Clone)]
pub(crate) struct StateFile {
    path: PathBuf,
}

impl StateFile {
    /// Opens the file in `folder`; makes both if they are missing.
    pub(crate) fn open(folder: &Path) -> Result<(Self, Connection), OpenError> {
        if rusqlite::version_number() < OLDEST_SQLITE {
            return Err(OpenError::SqliteTooOld {
                found: rusqlite::version(),
            });
        }
        let file = StateFile {
            path: folder.join(FILE_NAME),
        };
        file.make(folder)?;
        let connection = file.writer().map_err(|error| file.refused(error))?;
        match schema::find(&connection).map_err(|error| file.refused(error))? {
            Found::Empty => {
                schema::create(&connection).map_err(|error| file.refused(error))?;
            }
            Found::Format(schema::FORMAT) => {}
            Found::Format(older) if (1..schema::FORMAT).contains(&older) => {
                schema::upgrade(&connection).map_err(|error| file.refused(error))?;
            }
            Found::Format(found) => {
                return Err(OpenError::UnknownFormat {
                    path: file.path,
                    found,
                    known: schema::FORMAT,
                });
            }
            Found::Foreign => return Err(OpenError::Foreign { path: file.path }),
        }
        Ok((file, connection))
    }

    /// A connection that writes.
    pub(crate) fn writer(&self) -> rusqlite::Result<Connection> {
        let connection = self.connect()?;
        // Before the first table: the page size can't change later.
        connection.pragma_update(None, "page_size", 4096)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.pragma_update(None, "journal_size_limit", LOG_BYTES_KEPT)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        // What a refused unit of work is undone with stays in memory.
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        Ok(connection)
    }

    /// A connection that reads.
    pub(crate) fn reader(&self) -> rusqlite::Result<Connection> {
        let connection = self.connect()?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    }

    /// A connection that moves the log into the file. Gives up after
    /// `patience` where others are in the way.
    pub(crate) fn checkpointer(&self, patience: Duration) -> rusqlite::Result<Connection> {
        let connection = self.connect()?;
        connection.busy_timeout(patience)?;
        Ok(connection)
    }

    /// What an error at opening means.
    pub(crate) fn refused(&self, source: rusqlite::Error) -> OpenError {
        let path = self.path.clone();
        if is_damage(&source) {
            OpenError::Damaged { path, source }
        } else {
            OpenError::Sqlite { path, source }
        }
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        // NORMAL would lose acknowledged writes when the power goes.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        // Without, a new value bound to a cached statement has it planned anew.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        Ok(connection)
    }

    /// Makes the file, for its owner alone: it holds keys.
    fn make(&self, folder: &Path) -> Result<(), OpenError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| OpenError::Io { path, source }
        };
        if self.path.exists() {
            return Ok(());
        }
        fs::create_dir_all(folder).map_err(failed(folder))?;
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&self.path).map_err(failed(&self.path))?;
        sync_folder(folder).map_err(failed(folder))
    }
}

/// Makes a new file's name durable, and that of a new folder.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
        if let Some(parent) = folder.parent().filter(|parent| parent.is_dir()) {
            File::open(parent)?.sync_all()?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pragma(connection: &Connection, name: &str) -> String {
        let value = connection
            .pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0));
        format!("{:?}", value.unwrap())
    }

    #[test]
    fn every_connection_flushes_fully_and_leaves_the_log_to_the_checkpointer() {
        let folder = tempfile::tempdir().unwrap();
        let (file, writer) = StateFile::open(folder.path()).unwrap();
        let reader = file.reader().unwrap();
        let checkpointer = file.checkpointer(Duration::ZERO).unwrap();

        for connection in [&writer, &reader, &checkpointer] {
            assert_eq!(pragma(connection, "synchronous"), "Integer(2)");
            assert_eq!(pragma(connection, "journal_mode"), "Text(\"wal\")");
            assert_eq!(pragma(connection, "page_size"), "Integer(4096)");
        }
        assert_eq!(pragma(&writer, "wal_autocheckpoint"), "Integer(0)");
        assert_eq!(pragma(&writer, "foreign_keys"), "Integer(1)");
        assert!(reader.execute_batch("DELETE FROM hubs").is_err());
    }
}
