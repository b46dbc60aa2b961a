//! Retention: the oldest segments go, by age, by size, and because all who
//! wanted their records have them.
//!
//! Whole sealed segments go, so records may stay longer than asked, never
//! shorter. So that a quiet log's records go too, its segment is sealed once
//! its first record has reached a quarter of the age.

use std::fs;
use std::io;
use std::sync::Arc;

use crate::log::Log;
use crate::view::{Segment, View};

/// What stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Records that were enqueued longer ago may go. In the unit of enqueued
    /// times.
    pub age: i64,
    /// Of more bytes of records than this the oldest go. Room that is made
    /// ready for records to come is not counted.
    pub bytes: u64,
}

/// What went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped {
    /// How many segments.
    pub segments: u64,
    /// How many bytes of records.
    pub bytes: u64,
}

impl Log {
    /// Drops what need not be kept at the moment `now`. To be called every
    /// now and then. Blocks. A file that can't be removed is an error, and is
    /// tried again when the log is opened next; readers don't see it.
    pub fn retain(&self, retention: Retention, now: i64) -> io::Result<Dropped> {
        let oldest = now.saturating_sub(retention.age);
        let (dropped, gone) = self.take(|view, place| {
            let held = view.end - view.segments[place].base();
            let newest = view.partitions_at_end(place);
            let newest = newest.iter().map(|partition| partition.latest).max();
            newest < Some(oldest) || held > retention.bytes
        });
        let must_seal = self
            .shared()
            .view()
            .began
            .is_some_and(|began| began < now.saturating_sub(retention.age / 4));
        if must_seal {
            self.shared().queue.roll();
        }
        self.remove(&gone)?;
        Ok(dropped)
    }

    /// Drops the oldest segments as long as nobody needs a record of them:
    /// `needed` has for each partition the sequence number from which on its
    /// records are. Blocks; otherwise as [`retain`](Self::retain).
    ///
    /// # Panics
    /// If `needed` is not as long as there are partitions.
    pub fn release(&self, needed: &[u64]) -> io::Result<Dropped> {
        assert_eq!(
            needed.len(),
            usize::from(self.partitions()),
            "a number for each partition"
        );
        let (dropped, gone) = self.take(|view, place| {
            let ends = view.partitions_at_end(place).iter();
            ends.zip(needed).all(|(end, needed)| end.next <= *needed)
        });
        self.remove(&gone)?;
        Ok(dropped)
    }

    /// Takes segments out of sight, the oldest first, as long as they
    /// `may_go`; never the newest, and none that a snapshot holds.
    fn take(&self, may_go: impl Fn(&View, usize) -> bool) -> (Dropped, Vec<Arc<Segment>>) {
        let mut view = self.shared().view_mut();
        let held_from = self.shared().hold.from();
        let mut dropped = Dropped::default();
        let mut going = 0;
        while going + 1 < view.segments.len() {
            let is_held = held_from.is_some_and(|from| view.segments[going].base() >= from);
            if is_held || !may_go(&view, going) {
                break;
            }
            dropped.segments += 1;
            dropped.bytes += view.end_of(going) - view.segments[going].base();
            going += 1;
        }
        (dropped, view.segments.drain(..going).collect())
    }

    fn remove(&self, gone: &[Arc<Segment>]) -> io::Result<()> {
        for segment in gone {
            let index = Segment::index_name(segment.base());
            remove(&self.shared().folder.file(&index))?;
            remove(&segment.path)?;
        }
        Ok(())
    }
}

fn remove(path: &std::path::Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
