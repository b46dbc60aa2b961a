//! AMQP 1.0 types and frames, without I/O.
