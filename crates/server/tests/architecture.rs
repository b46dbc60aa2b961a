//! The arrows between crates: gateways -> core <- engines, and only the
//! server names both sides.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// What each crate may depend on, besides crates from a registry. A new crate
/// is a line here, and a decision.
const ALLOWED: &[(&str, &[&str])] = &[
    // Byte formats and transport: they know no hub.
    ("twinhub-amqp-engine", &[]),
    ("twinhub-event-log", &[]),
    ("twinhub-mqtt-codec", &[]),
    ("twinhub-sas", &[]),
    ("twinhub-transport", &[]),
    ("twinhub-x509", &[]),
    // The rules.
    ("twinhub-core", &["twinhub-sas", "twinhub-x509"]),
    // What gateways over AMQP share: connections, and the seam to their links.
    (
        "twinhub-amqp-server",
        &["twinhub-amqp-engine", "twinhub-core"],
    ),
    // Engines.
    ("twinhub-embedded", &["twinhub-core", "twinhub-event-log"]),
    ("twinhub-engine-suite", &["twinhub-core"]),
    // An engine of events for gateways' tests; no other crate's own dependency.
    ("twinhub-memory-log", &["twinhub-core"]),
    // Where exports go and imports come from.
    ("twinhub-blobs", &["twinhub-core"]),
    // Where routes lead.
    ("twinhub-endpoints", &["twinhub-core", "twinhub-sas"]),
    // Gateways: none knows another, none knows an engine.
    (
        "twinhub-amqp",
        &["twinhub-amqp-engine", "twinhub-amqp-server", "twinhub-core"],
    ),
    (
        "twinhub-eventhubs",
        &["twinhub-amqp-engine", "twinhub-amqp-server", "twinhub-core"],
    ),
    ("twinhub-http", &["twinhub-core"]),
    ("twinhub-mqtt", &["twinhub-core", "twinhub-mqtt-codec"]),
    // A client of the API that runs in the hub's process.
    ("twinhub-portal", &["twinhub-core", "twinhub-sas"]),
    // The one place that names both sides.
    (
        "twinhub",
        &[
            "twinhub-amqp",
            "twinhub-amqp-server",
            "twinhub-blobs",
            "twinhub-core",
            "twinhub-embedded",
            "twinhub-endpoints",
            "twinhub-eventhubs",
            "twinhub-http",
            "twinhub-mqtt",
            // For the devices that `simulate` runs.
            "twinhub-mqtt-codec",
            "twinhub-portal",
            "twinhub-sas",
            "twinhub-transport",
        ],
    ),
];

/// Tools that look at crates from outside; nothing may depend on them.
const OUTSIDE: &[&str] = &["twinhub-bench", "twinhub-fuzz"];

/// What core must not name: protocols and storage engines.
const FOREIGN_TO_CORE: &[&str] = &[
    "axum",
    "http",
    "hyper",
    "object_store",
    "rusqlite",
    "rustls",
    "sqlx",
    "tokio-postgres",
    "tokio-rustls",
    "async-nats",
];

type Graph = BTreeMap<String, BTreeSet<String>>;

/// The dependencies of every crate of the workspace; tests' own do not count.
fn dependencies() -> Graph {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs, it runs this test");
    assert!(output.status.success(), "{output:?}");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    packages.iter().map(node).collect()
}

fn node(package: &serde_json::Value) -> (String, BTreeSet<String>) {
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let dependencies = package["dependencies"].as_array().unwrap().iter();
    let names = dependencies
        .filter(|dependency| dependency["kind"].is_null())
        .map(|dependency| text(&dependency["name"]))
        .collect();
    (text(&package["name"]), names)
}

#[test]
fn arrows_point_at_core() {
    let graph = dependencies();

    for (name, dependencies) in &graph {
        if OUTSIDE.contains(&name.as_str()) {
            continue;
        }
        let allowed = ALLOWED
            .iter()
            .find(|(known, _)| known == name)
            .unwrap_or_else(|| panic!("{name} has no line in ALLOWED"))
            .1;
        for dependency in dependencies.iter().filter(|d| graph.contains_key(*d)) {
            assert!(
                allowed.contains(&dependency.as_str()),
                "{name} must not depend on {dependency}"
            );
        }
    }
}

#[test]
fn core_names_no_protocol_and_no_engine() {
    let core = &dependencies()["twinhub-core"];

    for foreign in FOREIGN_TO_CORE {
        assert!(!core.contains(*foreign), "core depends on {foreign}");
    }
}
