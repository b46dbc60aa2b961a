//! Feeds `amqp_connection` from libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| twinhub_fuzz::amqp_connection::amqp_connection(data));
