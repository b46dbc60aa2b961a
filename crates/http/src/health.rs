//! What probes ask: alive, ready, metrics. No log-in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Response, StatusCode};

use crate::response::{Body, text};

/// Whether the hub is ready, and its metrics.
#[derive(Clone)]
pub struct Health {
    ready: Arc<AtomicBool>,
    metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

impl Health {
    /// Not ready yet; `metrics` writes Prometheus' text form.
    pub fn new(metrics: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Health {
            ready: Arc::default(),
            metrics: Arc::new(metrics),
        }
    }

    /// Every port is bound and the state is open, or no longer.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
    }

    /// `GET /healthz`, `/readyz`, `/metrics`.
    pub(crate) fn answer(&self, path: &str) -> Option<Response<Body>> {
        match path {
            "/healthz" | "/readyz" if self.ready.load(Ordering::Acquire) => {
                Some(text(StatusCode::OK, "ok\n".to_owned()))
            }
            "/healthz" | "/readyz" => Some(text(
                StatusCode::SERVICE_UNAVAILABLE,
                "not ready\n".to_owned(),
            )),
            "/metrics" => Some(text(StatusCode::OK, (self.metrics)())),
            _ => None,
        }
    }
}
