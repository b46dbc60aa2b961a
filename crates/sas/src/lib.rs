//! Shared access signatures and connection strings.
