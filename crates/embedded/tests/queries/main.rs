//! Queries over twins on this engine.
#![allow(
    clippy::unwrap_used,
    reason = "a failure is a panic, in helpers as well"
)]

mod connections;
mod examples;
mod folds;
mod indexes;
mod model;
mod pages;
mod plant;
mod stretches;
