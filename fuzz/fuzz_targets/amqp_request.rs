//! Feeds `amqp_request` from libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| twinhub_fuzz::requests::amqp_request(data));
