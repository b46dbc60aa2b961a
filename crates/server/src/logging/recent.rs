//! The last warnings and errors of the log, kept in memory for whoever looks
//! at the hub instead of its log.
//!
//! Lines of the same place, message and fields are one entry with a count.
//! There are at most [`MAX_ENTRIES`] errors and as many warnings, each of a
//! bounded size; the one that was not heard of for longest makes room for one of
//! its kind, so that no flood of warnings washes an error out. What the filter keeps out of the log is
//! not here either, and as the log never shows a secret, nor does this.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use twinhub_core::time::{Clock, SystemClock, Timestamp};

/// How many different lines are kept, of errors and of warnings each.
const MAX_ENTRIES: usize = 100;
/// How long a message is kept, in bytes.
const MAX_MESSAGE: usize = 512;
/// How many fields are kept of a line, and how many bytes of each.
const MAX_FIELDS: usize = 16;
const MAX_FIELD: usize = 256;
/// What the bridge from other libraries' logging adds.
const BRIDGE: &str = "log.";

/// A line of the log, and how often it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it first came.
    pub first: Timestamp,
    /// When it last came.
    pub last: Timestamp,
    /// How often.
    pub count: u64,
    /// What it said.
    pub line: Line,
}

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Whether it is an error, and not a warning.
    pub is_error: bool,
    /// Where in the program it comes from.
    pub target: String,
    /// The sentence.
    pub message: String,
    /// Its facts, by name.
    pub fields: Vec<(&'static str, String)>,
}

/// What was logged lately.
#[derive(Debug, Default)]
pub struct Recent {
    /// The newest first.
    entries: Mutex<VecDeque<Entry>>,
}

impl Recent {
    /// All that is kept, the newest first.
    pub fn entries(&self) -> Vec<Entry> {
        self.locked().iter().cloned().collect()
    }

    fn add(&self, line: Line, now: Timestamp) {
        let mut entries = self.locked();
        let known = entries.iter().position(|entry| entry.line == line);
        let entry = match known.and_then(|index| entries.remove(index)) {
            Some(known) => Entry {
                last: now,
                count: known.count + 1,
                ..known
            },
            None => Entry {
                first: now,
                last: now,
                count: 1,
                line,
            },
        };
        let same_kind = |kept: &Entry| kept.line.is_error == entry.line.is_error;
        if entries.iter().filter(|kept| same_kind(kept)).count() >= MAX_ENTRIES
            && let Some(oldest) = entries.iter().rposition(same_kind)
        {
            entries.remove(oldest);
        }
        entries.push_front(entry);
    }

    fn locked(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Subscriber> Layer<S> for &'static Recent {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = *event.metadata().level();
        if level > Level::WARN {
            return;
        }
        let mut line = Line {
            is_error: level == Level::ERROR,
            target: event.metadata().target().to_owned(),
            message: String::new(),
            fields: Vec::new(),
        };
        event.record(&mut line);
        self.add(line, SystemClock.now());
    }
}

impl Line {
    fn set(&mut self, field: &Field, value: impl fmt::Display) {
        match field.name() {
            "message" => self.message = bounded(value, MAX_MESSAGE),
            "log.target" => self.target = bounded(value, MAX_FIELD),
            name if name.starts_with(BRIDGE) => {}
            name if self.fields.len() < MAX_FIELDS => {
                self.fields.push((name, bounded(value, MAX_FIELD)));
            }
            _ => {}
        }
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value);
    }
}

/// Text that stops at `most` bytes; what would follow is not even written.
fn bounded(value: impl fmt::Display, most: usize) -> String {
    struct Bounded {
        text: String,
        most: usize,
    }
    impl fmt::Write for Bounded {
        fn write_str(&mut self, more: &str) -> fmt::Result {
            let room = self.most - self.text.len();
            if more.len() <= room {
                self.text.push_str(more);
                return Ok(());
            }
            self.text.push_str(&more[..more.floor_char_boundary(room)]);
            self.text.push('…');
            Err(fmt::Error)
        }
    }
    let mut bounded = Bounded {
        text: String::new(),
        most,
    };
    // An error says that it was too long.
    let _ = fmt::Write::write_fmt(&mut bounded, format_args!("{value}"));
    bounded.text
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// What is kept of what `log` logs.
    fn kept(log: impl FnOnce()) -> Vec<Entry> {
        let recent: &'static Recent = Box::leak(Box::default());
        let subscriber = tracing_subscriber::registry().with(recent);
        tracing::subscriber::with_default(subscriber, log);
        recent.entries()
    }

    #[test]
    fn warnings_and_errors_are_kept_the_newest_first_with_their_fields() {
        let kept = kept(|| {
            tracing::warn!(endpoint = "store", attempt = 3, "it is slow");
            tracing::info!("all is well");
            tracing::error!(error = %"broken pipe", "it failed");
        });

        let lines: Vec<_> = kept.iter().map(|entry| &entry.line).collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].is_error && lines[0].message == "it failed");
        assert_eq!(lines[0].fields, [("error", "broken pipe".to_owned())]);
        assert!(!lines[1].is_error);
        let expected = [
            ("endpoint", "store".to_owned()),
            ("attempt", "3".to_owned()),
        ];
        assert_eq!(lines[1].fields, expected);
    }

    #[test]
    fn the_same_line_is_counted_and_comes_first_again() {
        let kept = kept(|| {
            for endpoint in ["a", "b", "a", "a"] {
                tracing::warn!(endpoint, "it is slow");
            }
        });

        let seen: Vec<_> = kept
            .iter()
            .map(|entry| (entry.line.fields[0].1.as_str(), entry.count))
            .collect();
        assert_eq!(seen, [("a", 3), ("b", 1)]);
        assert!(kept[0].first <= kept[0].last);
    }

    #[test]
    fn of_many_lines_the_last_are_kept() {
        let kept = kept(|| {
            for number in 0..MAX_ENTRIES + 20 {
                tracing::warn!(number, "one of many");
            }
        });

        assert_eq!(kept.len(), MAX_ENTRIES);
        assert_eq!(kept[0].line.fields[0].1, "119");
        assert_eq!(kept[99].line.fields[0].1, "20");
    }

    #[test]
    fn no_flood_of_warnings_washes_an_error_out() {
        let kept = kept(|| {
            tracing::error!("it failed");
            for peer in 0..2 * MAX_ENTRIES {
                tracing::warn!(peer, "a stranger");
            }
        });

        assert_eq!(kept.len(), MAX_ENTRIES + 1);
        assert_eq!(kept[MAX_ENTRIES].line.message, "it failed");
        assert_eq!(kept[MAX_ENTRIES - 1].line.fields[0].1, "100");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let long = "é".repeat(MAX_MESSAGE);

        let kept = kept(|| tracing::error!(long, "{long}"));

        let line = &kept[0].line;
        assert_eq!(line.message, "é".repeat(MAX_MESSAGE / 2) + "…");
        assert_eq!(line.fields[0].1, "é".repeat(MAX_FIELD / 2) + "…");
    }
}
