//! The tests that every storage engine must pass, written against the ports.
