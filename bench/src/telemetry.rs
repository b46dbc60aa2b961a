//! `telemetry`: publishers at QoS 1, and the time until each acknowledgement.
//!
//! Either every publisher keeps its window full, which shows the most that a
//! server takes, or all of them together send at a fixed rate, which shows how
//! long an acknowledgement takes at that rate. At a fixed rate a message's
//! time counts from when it was due, so that a server that stalls can't hide
//! behind messages that were never sent.
//!
//! One thread with its own poll: the generator has to cost much less than what
//! it measures.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use mio::{Events, Poll, Token};

use crate::{
    figures::{Figures, Window},
    fleet::Fleet,
    process::CpuWatch,
    publisher::{Buffers, Publisher},
    report::Report,
    target::Target,
};

/// How long the last acknowledgements may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a loop without news looks at the clock.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How many, how much, for how long.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Publishers, each on a connection of its own
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
    /// Messages that each may have in flight
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..))]
    window: u16,
    /// Bytes of a message
    #[arg(long, default_value_t = 256)]
    payload: usize,
    /// Seconds that are measured
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Seconds before that, which are not
    #[arg(long, default_value_t = 1)]
    warm_up: u64,
    /// Messages a second of all together, rather than as many as go
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
}

/// Measures `target`.
pub async fn run(target: &Target, args: &Args) -> anyhow::Result<Report> {
    let fleet = Fleet::fresh(usize::try_from(args.connections)?);
    target.admit(&fleet).await?;
    let publishers = (0..fleet.len()).map(|index| {
        let client = fleet.device(index);
        Publisher::connect(target, &client, args.payload, args.window)
            .with_context(|| format!("connection {index}"))
    });
    let mut load = Load::new(publishers.collect::<Result<_, _>>()?)?;
    let warm_up = Duration::from_secs(args.warm_up);
    let window = Window::after(warm_up, Duration::from_secs(args.seconds));
    let mut watch = None;
    let pace = args.rate.map(|rate| Pace::new(rate, Instant::now()));
    load.run(&window, pace, || {
        if watch.is_none()
            && let Some(process) = target.process()
        {
            watch = Some(process.watch_cpu()?);
        }
        Ok(())
    })?;
    let cpu = watch.as_ref().map(CpuWatch::read).transpose()?;
    load.drain(&window)?;
    let what = match args.rate {
        None => format!(
            "telemetry, {} connections, window {}, {} bytes",
            args.connections, args.window, args.payload
        ),
        Some(rate) => format!(
            "telemetry, {} connections, {rate} messages/s, {} bytes",
            args.connections, args.payload
        ),
    };
    Report::of_rate(what, &load.figures.over(window.length(), cpu))
}

/// All publishers.
struct Load {
    poll: Poll,
    events: Events,
    publishers: Vec<Publisher>,
    buffers: Buffers,
    figures: Figures,
}

/// When messages are due at a fixed rate.
struct Pace {
    begin: Instant,
    nanos_apart: f64,
    sent: u64,
}

impl Pace {
    fn new(rate: u32, begin: Instant) -> Self {
        Self {
            begin,
            nanos_apart: 1e9 / f64::from(rate),
            sent: 0,
        }
    }

    /// When the next message is due.
    fn due(&self) -> Instant {
        self.begin + Duration::from_nanos((self.sent as f64 * self.nanos_apart) as u64)
    }
}

impl Load {
    fn new(mut publishers: Vec<Publisher>) -> anyhow::Result<Self> {
        let poll = Poll::new()?;
        for (index, publisher) in publishers.iter_mut().enumerate() {
            publisher.register(poll.registry(), Token(index))?;
        }
        Ok(Self {
            events: Events::with_capacity(publishers.len()),
            poll,
            publishers,
            buffers: Buffers::new(),
            figures: Figures::new(),
        })
    }

    /// Sends until the window closes; `measuring` is called while it is open.
    fn run(
        &mut self,
        window: &Window,
        mut pace: Option<Pace>,
        mut measuring: impl FnMut() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        if pace.is_none() {
            let now = Instant::now();
            for publisher in &mut self.publishers {
                publisher.fill(&mut self.buffers, now)?;
            }
        }
        loop {
            // At a fixed rate a wait would end late: the kernel counts in
            // milliseconds here, and messages are due every few microseconds.
            let wait = pace.as_ref().map_or(LOOK_EVERY, |_| Duration::ZERO);
            self.poll.poll(&mut self.events, Some(wait))?;
            let now = Instant::now();
            if now >= window.until {
                // The poll tells of each arrival once.
                return self.answer(window, false);
            }
            if now >= window.from {
                measuring()?;
            }
            match &mut pace {
                None => self.answer(window, true)?,
                Some(pace) => {
                    self.answer(window, false)?;
                    self.keep(pace, now)?;
                }
            }
        }
    }

    /// Takes the acknowledgements that have come, and fills the windows again.
    fn answer(&mut self, window: &Window, refill: bool) -> anyhow::Result<()> {
        for event in &self.events {
            let Token(index) = event.token();
            let publisher = &mut self.publishers[index];
            if event.is_writable() {
                publisher.flush()?;
            }
            if event.is_readable() {
                publisher
                    .receive(&mut self.buffers, window, &mut self.figures)
                    .with_context(|| format!("connection {index}"))?;
                if refill {
                    publisher.fill(&mut self.buffers, Instant::now())?;
                }
            }
        }
        Ok(())
    }

    /// Sends what is due by `now`, one publisher after the other.
    fn keep(&mut self, pace: &mut Pace, now: Instant) -> anyhow::Result<()> {
        let publishers = self.publishers.len() as u64;
        loop {
            let due = pace.due();
            if due > now {
                return Ok(());
            }
            let index = usize::try_from(pace.sent % publishers)?;
            if !self.publishers[index].send_due(&mut self.buffers, due)? {
                return Ok(());
            }
            pace.sent += 1;
        }
    }

    /// Waits for what is still in flight.
    fn drain(&mut self, window: &Window) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.publishers.iter().any(|one| one.in_flight() > 0) {
            ensure!(
                Instant::now() < deadline,
                "the server still owes acknowledgements"
            );
            self.poll.poll(&mut self.events, Some(LOOK_EVERY))?;
            self.answer(window, false)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_due_at_even_distances_that_do_not_drift() {
        let begin = Instant::now();
        let mut pace = Pace::new(20_000, begin);
        assert_eq!(pace.due(), begin);

        pace.sent = 1;
        assert_eq!(pace.due(), begin + Duration::from_micros(50));

        pace.sent = 20_000 * 3600;
        assert_eq!(pace.due(), begin + Duration::from_secs(3600));
    }
}
