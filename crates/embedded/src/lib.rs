//! The single-process engine: SQLite state and local sessions.
