//! The `twinhub` program.

fn main() {}
