//! Where metrics are collected.

use anyhow::Context as _;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};

/// Upper bounds of the buckets of durations, in seconds.
const SECONDS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

/// Collects the metrics of every crate from now on; the returned function
/// writes them in Prometheus' text form.
pub fn install() -> anyhow::Result<impl Fn() -> String + Send + Sync> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)
        .and_then(PrometheusBuilder::install_recorder)
        .context("could not collect metrics")?;
    Ok(move || {
        handle.run_upkeep();
        handle.render()
    })
}
