//! Feeds `amqp_frame` from libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| twinhub_fuzz::amqp::amqp_frame(data));
