//! Feeds `event_log_index` from libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| twinhub_fuzz::event_log::event_log_index(data));
