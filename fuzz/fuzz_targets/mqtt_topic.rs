//! Feeds `mqtt_topic` from libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| twinhub_fuzz::topics::mqtt_topic(data));
