//! What each fuzz target asserts, callable from `cargo fuzz` and from an ordinary test.
//!
//! A target takes foreign bytes and panics when an invariant breaks. The
//! binaries under `fuzz_targets/` (feature `libfuzzer`) feed them from
//! libFuzzer; `tests/corpus.rs` feeds them every file of `corpus/<target>/`
//! and a bounded number of seeded mutations of each, so that plain
//! `cargo test` runs them too.
