//! Feeds `routing_condition` from libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| twinhub_fuzz::routing::routing_condition(data));
