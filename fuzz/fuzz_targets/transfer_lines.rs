//! Feeds `transfer_lines` from libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| twinhub_fuzz::transfer::transfer_lines(data));
