//! The language as published: what its own tests, and the router's, say.

#![allow(clippy::unwrap_used, reason = "tests fail that way")]

use serde_json::json;

use super::*;
use crate::routing::Sample;

mod bodies;
mod parts;
mod properties;
mod refused;
mod twins;

use Outcome::{False, True, Undefined};

fn ask(subject: &dyn Subject, condition: &str) -> Outcome {
    let compiled = Condition::compile(condition);
    let compiled = compiled.unwrap_or_else(|error| panic!("{condition}: {error}"));
    compiled.evaluate(subject).unwrap()
}

fn assert_all(subject: &dyn Subject, expected: &[(&str, Outcome)]) {
    for (condition, outcome) in expected {
        assert_eq!(ask(subject, condition), *outcome, "{condition}");
    }
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

fn properties(pairs: &[(&str, Option<&str>)]) -> Vec<(String, Option<String>)> {
    let owned =
        |(name, value): &(&str, Option<&str>)| ((*name).to_owned(), value.map(ToOwned::to_owned));
    pairs.iter().map(owned).collect()
}
