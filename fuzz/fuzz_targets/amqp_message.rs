//! Feeds `amqp_message` from libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| twinhub_fuzz::messages::amqp_message(data));
