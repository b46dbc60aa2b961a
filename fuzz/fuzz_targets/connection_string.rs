//! Feeds `connection_string` from libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| twinhub_fuzz::sas::connection_string(data));
