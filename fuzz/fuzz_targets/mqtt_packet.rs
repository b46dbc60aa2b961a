//! Feeds `mqtt_packet` from libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| twinhub_fuzz::mqtt::mqtt_packet(data));
