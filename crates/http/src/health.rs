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
    obstacle: Option<Arc<dyn Fn() -> Option<String> + Send + Sync>>,
}

impl Health {
    /// Not ready yet; `metrics` writes Prometheus' text form.
    pub fn new(metrics: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Health {
            ready: Arc::default(),
            metrics: Arc::new(metrics),
            obstacle: None,
        }
    }

    /// Not ready either while `obstacle` names one. The hub is alive
    /// nevertheless: starting it anew would not help.
    #[must_use]
    pub fn unless(self, obstacle: impl Fn() -> Option<String> + Send + Sync + 'static) -> Self {
        Health {
            obstacle: Some(Arc::new(obstacle)),
            ..self
        }
    }

    /// Every port is bound and the state is open, or no longer.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
    }

    /// `GET /healthz`, `/readyz`, `/metrics`.
    pub(crate) fn answer(&self, path: &str) -> Option<Response<Body>> {
        let not_ready = |why: &str| text(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n"));
        match path {
            "/readyz" if let Some(obstacle) = self.obstacle() => Some(not_ready(&obstacle)),
            "/healthz" | "/readyz" if self.ready.load(Ordering::Acquire) => {
                Some(text(StatusCode::OK, "ok\n".to_owned()))
            }
            "/healthz" | "/readyz" => Some(not_ready("not ready")),
            "/metrics" => Some(text(StatusCode::OK, (self.metrics)())),
            _ => None,
        }
    }

    fn obstacle(&self) -> Option<String> {
        self.obstacle.as_ref().and_then(|obstacle| obstacle())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statuses(health: &Health) -> [u16; 2] {
        ["/healthz", "/readyz"].map(|path| health.answer(path).unwrap().status().as_u16())
    }

    #[test]
    fn an_obstacle_makes_a_live_hub_not_ready() {
        let obstacle = Arc::new(AtomicBool::new(false));
        let in_the_way = obstacle.clone();
        let health = Health::new(String::new).unless(move || {
            in_the_way
                .load(Ordering::Relaxed)
                .then(|| "full".to_owned())
        });

        let starting = statuses(&health);
        health.set_ready(true);
        let ready = statuses(&health);
        obstacle.store(true, Ordering::Relaxed);

        assert_eq!(starting, [503, 503]);
        assert_eq!(ready, [200, 200]);
        assert_eq!(statuses(&health), [200, 503]);
    }
}
