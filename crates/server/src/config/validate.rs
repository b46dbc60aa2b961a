//! Ranges and combinations that types can't express.

use super::{Config, Hub, Sku};

/// A setting that can't be used as it is.
pub(super) struct Invalid {
    pub(super) key: &'static str,
    pub(super) problem: String,
}

pub(super) fn check(config: &Config) -> Result<(), Invalid> {
    hostnames(&config.hostname)?;
    if config.listen.is_empty() {
        return invalid(
            "listen",
            "is empty: name an address, such as 127.0.0.1 or ::",
        );
    }
    ports_differ(config)?;
    match (&config.tls.cert, &config.tls.key) {
        (Some(_), None) => return invalid("tls.cert", "needs `tls.key` beside it"),
        (None, Some(_)) => return invalid("tls.key", "needs `tls.cert` beside it"),
        _ => {}
    }
    hub(&config.hub)?;
    within(
        "limits.modules_per_device",
        config.limits.modules_per_device,
        1..=10_000,
    )?;
    within(
        "sas.clock_skew_seconds",
        config.sas.clock_skew_seconds,
        0..=3600,
    )?;
    config.cloud_to_device.check()?;
    config.outgoing.check()
}

fn hostnames(names: &[String]) -> Result<(), Invalid> {
    if names.is_empty() {
        return invalid("hostname", "is empty: name one, such as localhost");
    }
    match names.iter().find(|name| !is_hostname(name)) {
        Some(bad) => invalid(
            "hostname",
            format!(
                "holds {bad:?}: write a bare DNS name or IP address, without scheme, port or wildcard"
            ),
        ),
        None => Ok(()),
    }
}

fn is_hostname(name: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.parse::<std::net::IpAddr>().is_ok() || (name.len() <= 253 && name.split('.').all(is_label))
}

fn ports_differ(config: &Config) -> Result<(), Invalid> {
    let ports = &config.ports;
    if ports.mqtts != 0 && ports.mqtts == ports.https {
        return invalid("ports.mqtts", "is the port of https: give each its own");
    }
    if ports.amqps != 0 && [ports.https, ports.mqtts].contains(&ports.amqps) {
        return invalid(
            "ports.amqps",
            "is the port of another protocol: give each its own",
        );
    }
    Ok(())
}

fn hub(hub: &Hub) -> Result<(), Invalid> {
    let fits = (3..=50).contains(&hub.name.len())
        && hub
            .name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !hub.name.starts_with('-')
        && !hub.name.ends_with('-');
    if !fits {
        return invalid(
            "hub.name",
            "must be 3 to 50 letters, digits and inner hyphens",
        );
    }
    let most_units = match hub.sku {
        Sku::F1 => 1,
        Sku::B1 | Sku::B2 | Sku::S1 | Sku::S2 => 200,
        Sku::B3 | Sku::S3 => 10,
    };
    within("hub.units", hub.units, 1..=most_units)?;
    within("hub.partitions", hub.partitions.into(), 2..=32)?;
    within("hub.retention_days", hub.retention_days.into(), 1..=7)?;
    within("hub.max_log_gb", hub.max_log_gb, 1..=100_000)?;
    within("hub.max_backlog_gb", hub.max_backlog_gb, 1..=100_000)
}

pub(super) fn within(
    key: &'static str,
    value: u32,
    range: std::ops::RangeInclusive<u32>,
) -> Result<(), Invalid> {
    if range.contains(&value) {
        return Ok(());
    }
    let (least, most) = range.into_inner();
    invalid(
        key,
        format!("is {value}: write a number from {least} to {most}"),
    )
}

fn invalid(key: &'static str, problem: impl Into<String>) -> Result<(), Invalid> {
    Err(Invalid {
        key,
        problem: problem.into(),
    })
}
