//! Help texts, compared with the ones kept in `tests/help/`.
//!
//! A text that is meant to change is taken over from the file that the failed
//! run names.

#![allow(missing_docs, clippy::unwrap_used)]

use std::{fs, path::Path};

#[allow(dead_code)]
mod support;

#[test]
fn help_texts_are_the_ones_that_were_proofread() {
    let commands = [
        "",
        "serve",
        "env",
        "connection-string",
        "generate-sas-token",
        "operator-token",
        "portal-link",
        "policy",
        "policy create",
        "policy renew-key",
        "certificate",
        "certificate create",
        "certificate update",
        "consumer-group",
        "consumer-group create",
        "route",
        "route create",
        "route list",
        "route update",
        "route test",
        "route fallback",
        "message-endpoint",
        "message-endpoint list",
        "message-endpoint update",
        "message-endpoint create",
        "message-endpoint create storage-container",
        "message-endpoint create servicebus-queue",
        "message-endpoint create amqp-queue",
        "message-endpoint create webhook",
        "message-endpoint create nats",
        "message-enrichment",
        "message-enrichment create",
        "device-identity",
        "device-identity create",
        "device-identity list",
        "device-identity update",
        "device-identity delete",
        "device-identity renew-key",
        "device-identity export",
        "device-identity import",
        "module-identity",
        "module-identity create",
        "module-identity update",
        "job",
        "job list",
        "job cancel",
        "device-twin",
        "device-twin update",
        "device-twin replace",
        "module-twin",
        "module-twin update",
        "c2d-message",
        "c2d-message send",
        "backup",
        "restore",
        "monitor-events",
        "simulate",
    ];
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/help");
    let mut changed = Vec::new();
    for command in commands {
        let name = format!("twinhub {command}").trim_end().replace(' ', "-") + ".txt";
        let words: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let ran = support::twinhub(&words, &[]);
        assert_eq!(ran.code, 0, "{command}: {ran:?}");
        if fs::read_to_string(kept.join(&name)).unwrap_or_default() != ran.stdout {
            let found = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&name);
            fs::write(&found, ran.stdout).unwrap();
            changed.push(found.display().to_string());
        }
    }
    assert!(
        changed.is_empty(),
        "help texts differ from {}; to keep them: cp {} {}",
        kept.display(),
        changed.join(" "),
        kept.display()
    );
}
