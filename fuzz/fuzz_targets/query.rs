//! Feeds `query` from libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| twinhub_fuzz::query::query(data));
