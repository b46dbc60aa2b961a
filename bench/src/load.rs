//! One thread with its own poll that keeps many connections sending: the
//! generator has to cost much less than what it measures.
//!
//! Either every sender keeps its window full, which shows the most that a
//! server takes, or all of them together send at a fixed rate, which shows how
//! long an acknowledgement takes at that rate. At a fixed rate a message's
//! time counts from when it was due, so that a server that stalls can't hide
//! behind messages that were never sent.

use std::{
    io,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use mio::{Events, Poll, Registry, Token};

use crate::figures::{Figures, Window};

/// How long the last acknowledgements may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a loop without news looks at the clock.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A connection that sends messages and hears that they were taken.
pub trait Sends {
    /// Has the poll of `registry` tell of it under `token`.
    fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()>;

    /// Reads the acknowledgements that have come, and counts them.
    fn receive(
        &mut self,
        buffers: &mut Buffers,
        count: &Window,
        figures: &mut Figures,
    ) -> anyhow::Result<()>;

    /// Sends as many messages as the window has room for.
    fn fill(&mut self, buffers: &mut Buffers, now: Instant) -> io::Result<()>;

    /// Sends one message that was due at `due`; false if the window is full.
    fn send_due(&mut self, buffers: &mut Buffers, due: Instant) -> io::Result<bool>;

    /// Sends what the kernel had no room for.
    fn flush(&mut self) -> io::Result<()>;

    /// How many messages are not acknowledged.
    fn in_flight(&self) -> usize;
}

/// The buffers that all senders of a loop share.
pub struct Buffers {
    /// Room to read into.
    pub scratch: Vec<u8>,
    /// What is sent next.
    pub outbox: Vec<u8>,
}

impl Buffers {
    /// Enough for any sender.
    pub fn new() -> Self {
        Self {
            scratch: vec![0; 64 * 1024],
            outbox: Vec::new(),
        }
    }
}

/// All connections.
pub struct Load<S> {
    poll: Poll,
    events: Events,
    senders: Vec<S>,
    buffers: Buffers,
    figures: Figures,
}

/// When messages are due at a fixed rate.
pub struct Pace {
    begin: Instant,
    nanos_apart: f64,
    sent: u64,
}

impl Pace {
    /// So many messages a second, from `begin` on.
    pub fn new(rate: u32, begin: Instant) -> Self {
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

impl<S: Sends> Load<S> {
    /// A loop of `senders`.
    pub fn new(mut senders: Vec<S>) -> anyhow::Result<Self> {
        let poll = Poll::new()?;
        for (index, sender) in senders.iter_mut().enumerate() {
            sender.register(poll.registry(), Token(index))?;
        }
        Ok(Self {
            events: Events::with_capacity(senders.len()),
            poll,
            senders,
            buffers: Buffers::new(),
            figures: Figures::new(),
        })
    }

    /// What has been counted.
    pub fn into_figures(self) -> Figures {
        self.figures
    }

    /// Sends until the window closes; `measuring` is called while it is open.
    pub fn run(
        &mut self,
        window: &Window,
        mut pace: Option<Pace>,
        mut measuring: impl FnMut() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        if pace.is_none() {
            let now = Instant::now();
            for sender in &mut self.senders {
                sender.fill(&mut self.buffers, now)?;
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
            let sender = &mut self.senders[index];
            if event.is_writable() {
                sender.flush()?;
            }
            if event.is_readable() {
                sender
                    .receive(&mut self.buffers, window, &mut self.figures)
                    .with_context(|| format!("connection {index}"))?;
                if refill {
                    sender.fill(&mut self.buffers, Instant::now())?;
                }
            }
        }
        Ok(())
    }

    /// Sends what is due by `now`, one sender after the other.
    fn keep(&mut self, pace: &mut Pace, now: Instant) -> anyhow::Result<()> {
        let senders = self.senders.len() as u64;
        loop {
            let due = pace.due();
            if due > now {
                return Ok(());
            }
            let index = usize::try_from(pace.sent % senders)?;
            if !self.senders[index].send_due(&mut self.buffers, due)? {
                return Ok(());
            }
            pace.sent += 1;
        }
    }

    /// Has each sender send so many messages, and waits until they are taken.
    pub fn send_each(&mut self, count: u64, window: &Window) -> anyhow::Result<()> {
        let mut left = vec![count; self.senders.len()];
        for (sender, left) in self.senders.iter_mut().zip(&mut left) {
            send_some(sender, &mut self.buffers, left)?;
        }
        while left.iter().any(|left| *left > 0) {
            self.poll.poll(&mut self.events, Some(PATIENCE))?;
            ensure!(!self.events.is_empty(), "the server takes no more");
            for event in &self.events {
                let Token(index) = event.token();
                let sender = &mut self.senders[index];
                if event.is_writable() {
                    sender.flush()?;
                }
                if event.is_readable() {
                    sender.receive(&mut self.buffers, window, &mut self.figures)?;
                    send_some(sender, &mut self.buffers, &mut left[index])?;
                }
            }
        }
        self.drain(window)
    }

    /// Waits for what is still in flight.
    pub fn drain(&mut self, window: &Window) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.senders.iter().any(|one| one.in_flight() > 0) {
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

/// Sends what the window has room for, as far as there is anything left.
fn send_some(sender: &mut impl Sends, buffers: &mut Buffers, left: &mut u64) -> io::Result<()> {
    let now = Instant::now();
    while *left > 0 && sender.send_due(buffers, now)? {
        *left -= 1;
    }
    Ok(())
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
