//! How many operations, how fast, how many refused.

use std::{
    fmt,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;

use crate::{
    process::{CpuUse, CpuWatch, Process},
    report::grouped,
};

/// The latencies of one client's operations.
#[derive(Debug, Clone)]
pub struct Figures {
    /// In microseconds.
    latencies: Histogram<u64>,
    errors: u64,
    first_error: Option<String>,
}

/// When operations count: not before the hub is warm, not after the end.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// Operations that start earlier are done, but do not count.
    pub from: Instant,
    /// None starts later.
    pub until: Instant,
}

/// The figures of all clients, with the time that they took.
#[derive(Debug)]
pub struct Rate {
    figures: Figures,
    took: Duration,
    cpu: Option<CpuUse>,
}

impl Window {
    /// A window of `measured` that opens after `warm_up`.
    pub fn after(warm_up: Duration, measured: Duration) -> Self {
        let from = Instant::now() + warm_up;
        Self {
            from,
            until: from + measured,
        }
    }

    /// Whether another operation may start.
    pub fn is_open(&self) -> bool {
        Instant::now() < self.until
    }

    /// Awaits `load`, and watches the processor time of `server` from when the
    /// window opens until the load ends.
    pub async fn watch<T>(
        &self,
        server: Option<Process>,
        load: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<(T, Option<CpuUse>)> {
        let watch = async {
            tokio::time::sleep_until(self.from.into()).await;
            server.map(Process::watch_cpu).transpose()
        };
        let (watch, done) = tokio::try_join!(watch, load)?;
        let cpu = watch.as_ref().map(CpuWatch::read).transpose()?;
        Ok((done, cpu))
    }

    /// How long it is.
    pub fn length(&self) -> Duration {
        self.until - self.from
    }
}

impl Figures {
    /// None yet.
    pub fn new() -> Self {
        Self {
            latencies: Histogram::new(3).expect("three digits are a precision that it knows"),
            errors: 0,
            first_error: None,
        }
    }

    /// Counts an operation that began at `started`, if the window says so.
    pub fn count(&mut self, window: &Window, started: Instant, outcome: Result<(), String>) {
        if let Err(error) = outcome {
            self.errors += 1;
            self.first_error.get_or_insert(error);
        } else if started >= window.from {
            self.record(started.elapsed());
        }
    }

    /// Counts an operation that began at `started` and was done at `ended`.
    pub fn count_until(&mut self, window: &Window, started: Instant, ended: Instant) {
        if started >= window.from {
            self.record(ended.saturating_duration_since(started));
        }
    }

    fn record(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.latencies
            .record(micros)
            .expect("a histogram that grows by itself takes any latency");
    }

    /// Those of all clients, whose first error is told.
    pub fn of_all<'a>(per_client: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut all = Self::new();
        for client in per_client {
            all.merge(client);
        }
        if let Some(error) = &all.first_error {
            eprintln!("the first error: {error}");
        }
        all
    }

    /// Adds another client's.
    fn merge(&mut self, other: &Self) {
        self.latencies
            .add(&other.latencies)
            .expect("a histogram that grows by itself takes any other");
        self.errors += other.errors;
        if self.first_error.is_none() {
            self.first_error.clone_from(&other.first_error);
        }
    }

    /// These figures over the time that they took.
    pub fn over(self, took: Duration, cpu: Option<CpuUse>) -> Rate {
        Rate {
            figures: self,
            took,
            cpu,
        }
    }
}

impl Rate {
    /// Whether no operation was done.
    pub fn is_nothing(&self) -> bool {
        self.figures.latencies.is_empty()
    }

    fn per_second(&self) -> f64 {
        self.figures.latencies.len() as f64 / self.took.as_secs_f64().max(f64::EPSILON)
    }

    /// The same as numbers, for programs to read.
    pub fn values(&self) -> Vec<(&'static str, f64)> {
        let latencies = &self.figures.latencies;
        let millis = |micros: u64| micros as f64 / 1000.0;
        let mut values = vec![
            ("rate", self.per_second()),
            ("p50_ms", millis(latencies.value_at_quantile(0.5))),
            ("p99_ms", millis(latencies.value_at_quantile(0.99))),
            ("max_ms", millis(latencies.max())),
            ("errors", self.figures.errors as f64),
        ];
        if let Some(cpu) = &self.cpu {
            values.extend(cpu.values());
        }
        values
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures {
            latencies, errors, ..
        } = &self.figures;
        let rate = self.per_second();
        write!(
            f,
            "{}/s, p50 {}, p99 {}, max {}, {errors} errors",
            grouped(rate),
            Millis(latencies.value_at_quantile(0.5)),
            Millis(latencies.value_at_quantile(0.99)),
            Millis(latencies.max()),
        )?;
        if let Some(cpu) = &self.cpu {
            write!(f, "; {cpu}")?;
        }
        Ok(())
    }
}

/// Microseconds, shown as milliseconds.
struct Millis(u64);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = Duration::from_micros(self.0).as_secs_f64() * 1000.0;
        match millis {
            ..1.0 => write!(f, "{millis:.2} ms"),
            1.0..100.0 => write!(f, "{millis:.1} ms"),
            _ => write!(f, "{millis:.0} ms"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_operations_within_the_window_count_as_done_and_all_errors_do() {
        let window = Window::after(Duration::from_secs(60), Duration::from_secs(1));
        let mut figures = Figures::new();

        figures.count(&window, Instant::now(), Ok(()));
        figures.count(&window, window.from, Ok(()));
        figures.count(&window, Instant::now(), Err("refused".into()));
        figures.count(&window, Instant::now(), Err("again".into()));

        assert_eq!(figures.first_error.as_deref(), Some("refused"));
        let shown = figures.over(Duration::from_secs(1), None).to_string();
        assert!(shown.starts_with("1/s, "), "{shown}");
        assert!(shown.ends_with("2 errors"), "{shown}");
    }
}
