//! Reading: forward, from a sequence number, an offset or a time. Blocking.

use std::fs::File;
use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::error::ReadError;
use crate::frame::{HEAD, Sound};
use crate::index::{Entry, SparseIndex};
use crate::log::Shared;
use crate::recovery::{scan, stored_index};
use crate::scan::{Next, Records};
use crate::view::Stretch;

/// A record as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its number in its partition: from 0, without gaps.
    pub sequence_number: u64,
    /// Its position in the log: grows.
    pub offset: u64,
    /// As the producer gave it.
    pub enqueued: i64,
    /// As the producer gave it.
    pub tag: u8,
    /// As the producer gave it; records of one read share their memory.
    pub payload: Bytes,
}

/// Where a reader begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the oldest record there is.
    Earliest,
    /// Behind the newest.
    Latest,
    /// Behind this offset.
    AfterOffset(u64),
    /// At the first record there is that was enqueued at this time or later.
    EnqueuedFrom(i64),
}

/// How often a read begins anew because retention took the segment away.
const ATTEMPTS: usize = 8;
/// How many places are remembered for readers that go on.
const PLACES: usize = 8;

/// Where readers of a partition stopped.
#[derive(Debug, Default)]
pub(crate) struct Places {
    places: [Option<(u64, u64)>; PLACES],
    oldest: usize,
}

impl Places {
    fn remember(&mut self, sequence_number: u64, offset: u64) {
        self.places[self.oldest] = Some((sequence_number, offset));
        self.oldest = (self.oldest + 1) % PLACES;
    }

    fn of(&self, sequence_number: u64) -> Option<u64> {
        let mut known = self.places.iter().flatten();
        known
            .find(|(number, _)| *number == sequence_number)
            .map(|(_, offset)| *offset)
    }
}

impl Shared {
    pub(crate) fn read(
        &self,
        partition: u16,
        from: u64,
        max_bytes: usize,
    ) -> Result<Vec<Record>, ReadError> {
        self.require(partition)?;
        self.with_stretch(
            |shared| {
                let view = shared.view();
                let from = from.max(view.first(partition));
                Some((from, view.holding(partition, from)?))
            },
            |shared, (from, stretch), file| {
                shared.read_stretch(partition, from, &stretch, file, max_bytes)
            },
        )
        .map(Option::unwrap_or_default)
    }

    pub(crate) fn find(&self, partition: u16, start: Start) -> Result<u64, ReadError> {
        self.require(partition)?;
        let next = self.view().reached(partition).next;
        let (offset, moment) = match start {
            Start::Earliest => return Ok(self.view().first(partition)),
            Start::Latest => return Ok(next),
            Start::AfterOffset(offset) => (Some(offset), None),
            Start::EnqueuedFrom(moment) => (None, Some(moment)),
        };
        let found = self.with_stretch(
            |shared| {
                let view = shared.view();
                let stretch = match (offset, moment) {
                    (Some(offset), _) if offset >= view.end => None,
                    (Some(offset), _) => view
                        .at_offset(partition, offset)
                        .or_else(|| view.holding(partition, view.first(partition))),
                    (None, Some(moment)) => view.enqueued_from(partition, moment),
                    (None, None) => None,
                };
                Some((0, stretch?))
            },
            |shared, (_, stretch), file| {
                shared.find_in(partition, &stretch, file, |entry| match (offset, moment) {
                    (Some(offset), _) => entry.offset > offset,
                    (None, Some(moment)) => entry.latest_before >= moment,
                    (None, None) => true,
                })
            },
        )?;
        Ok(found.unwrap_or(next))
    }

    /// Works on a part of the log that `choose` names; again if retention
    /// removes it meanwhile.
    fn with_stretch<T>(
        &self,
        choose: impl Fn(&Shared) -> Option<(u64, Stretch)>,
        work: impl Fn(&Shared, (u64, Stretch), &File) -> Result<T, ReadError>,
    ) -> Result<Option<T>, ReadError> {
        for attempt in 1.. {
            let Some(chosen) = choose(self) else {
                return Ok(None);
            };
            let path = chosen.1.segment.path.clone();
            let file = match &chosen.1.file {
                Some(file) => Ok(file.clone()),
                None => File::open(&path).map(Arc::new),
            };
            match file {
                Ok(file) => return work(self, chosen, &file).map(Some),
                Err(error) if error.kind() == io::ErrorKind::NotFound && attempt < ATTEMPTS => {}
                Err(source) => return Err(ReadError::Io { path, source }),
            }
        }
        Ok(None)
    }

    fn read_stretch(
        &self,
        partition: u16,
        from: u64,
        stretch: &Stretch,
        file: &File,
        max_bytes: usize,
    ) -> Result<Vec<Record>, ReadError> {
        let segment = &stretch.segment;
        let failed = |source| ReadError::Io {
            path: segment.path.clone(),
            source,
        };
        let damaged = |offset, sequence_number| ReadError::Damaged {
            path: segment.path.clone(),
            position: segment.position(offset),
            partition,
            sequence_number,
        };
        let (mut expected, at) = match self.place_of(partition, from, segment.base(), stretch.end) {
            Some(at) => (from, at),
            None => self
                .entry(partition, stretch, file, |entry| {
                    entry.sequence_number <= from
                })
                .map_err(failed)?
                .map_or((segment.first(partition), segment.base()), |entry| {
                    (entry.sequence_number, entry.offset)
                }),
        };
        let mut records = Records::new(file, segment.base(), at, stretch.end);
        let mut found = Found::default();
        while expected < stretch.next && found.has_room(max_bytes) {
            let (offset, head) = match records.next().map_err(failed)? {
                Next::Record { offset, head } => (offset, head),
                Next::Invalid(offset) => return found.or(damaged(offset, expected)),
                Next::End => return found.or(damaged(records.at(), expected)),
            };
            if head.partition != partition {
                continue;
            }
            if head.sequence_number != expected {
                return found.or(damaged(offset, expected));
            }
            if expected >= from {
                match records.sound(offset, &head).map_err(failed)? {
                    Some(record) => found.take(offset, &record),
                    None => return found.or(damaged(offset, expected)),
                }
            }
            expected += 1;
        }
        self.places(partition).remember(expected, records.at());
        Ok(found.records())
    }

    fn place_of(&self, partition: u16, from: u64, base: u64, end: u64) -> Option<u64> {
        let offset = self.places(partition).of(from)?;
        (base..end).contains(&offset).then_some(offset)
    }

    /// The first record that `is_it`, given as the entry that an index would
    /// have for it; or the one behind the segment's last.
    fn find_in(
        &self,
        partition: u16,
        stretch: &Stretch,
        file: &File,
        is_it: impl Fn(&Entry) -> bool,
    ) -> Result<u64, ReadError> {
        let segment = &stretch.segment;
        let failed = |source| ReadError::Io {
            path: segment.path.clone(),
            source,
        };
        let entry = self.entry(partition, stretch, file, |entry| !is_it(entry));
        let Some(entry) = entry.map_err(failed)? else {
            return Ok(stretch.next);
        };
        let mut records = Records::new(file, segment.base(), entry.offset, stretch.end);
        let mut latest = entry.latest_before;
        let mut sequence_number = entry.sequence_number;
        while sequence_number < stretch.next {
            match records.next().map_err(failed)? {
                Next::Record { offset, head } if head.partition == partition => {
                    latest = latest.max(head.enqueued);
                    // With its own time: what the entry behind it would say.
                    let entry = Entry {
                        sequence_number,
                        offset,
                        latest_before: latest,
                    };
                    if is_it(&entry) {
                        break;
                    }
                    sequence_number += 1;
                }
                Next::Record { .. } => {}
                Next::Invalid(_) | Next::End => {
                    return Err(ReadError::Damaged {
                        path: segment.path.clone(),
                        position: segment.position(records.at()),
                        partition,
                        sequence_number,
                    });
                }
            }
        }
        Ok(sequence_number)
    }

    /// The last entry of the index that `is_before` what is looked for, or the
    /// partition's first; `None` if the segment has nothing of it.
    fn entry(
        &self,
        partition: u16,
        stretch: &Stretch,
        file: &File,
        is_before: impl Fn(&Entry) -> bool,
    ) -> io::Result<Option<Entry>> {
        if stretch.newest {
            let view = self.view();
            let newest = view.segments.last().map(|newest| newest.base());
            if newest == Some(stretch.segment.base()) {
                return Ok(view.index.before(partition, is_before));
            }
        }
        let index = self.index_of(stretch, file)?;
        Ok(index.before(partition, is_before))
    }

    fn index_of(&self, stretch: &Stretch, file: &File) -> io::Result<SparseIndex> {
        let base = stretch.segment.base();
        let stored = stored_index(&self.folder, base).filter(|stored| stored.end == stretch.end);
        if let Some(stored) = stored {
            return Ok(stored.index);
        }
        let length = stretch.segment.position(stretch.end);
        let made = scan(file, &stretch.segment, length)?;
        // Damaged segments keep none: their readers are told each time.
        if made.end == stretch.end {
            let name = crate::view::Segment::index_name(base);
            if let Err(error) = self.folder.write_whole(&name, &made.encode()) {
                tracing::warn!(%error, name, "could not store the index of a segment");
            }
        }
        Ok(made.index)
    }

    fn require(&self, partition: u16) -> Result<(), ReadError> {
        if partition < self.partitions() {
            return Ok(());
        }
        Err(ReadError::NoPartition(partition))
    }
}

/// Records on their way to the reader: their payloads in one buffer.
#[derive(Default)]
struct Found {
    payloads: BytesMut,
    /// Each with the length of its payload, and none yet.
    records: Vec<(Record, usize)>,
}

impl Found {
    fn has_room(&self, max_bytes: usize) -> bool {
        self.records.is_empty() || self.payloads.len() + self.records.len() * HEAD < max_bytes
    }

    fn take(&mut self, offset: u64, record: &Sound<'_>) {
        self.payloads.extend_from_slice(record.payload);
        let kept = Record {
            sequence_number: record.head.sequence_number,
            offset,
            enqueued: record.head.enqueued,
            tag: record.head.tag,
            payload: Bytes::new(),
        };
        self.records.push((kept, record.payload.len()));
    }

    fn records(self) -> Vec<Record> {
        let mut payloads = self.payloads.freeze();
        let with_payload = |(mut record, length): (Record, usize)| {
            record.payload = payloads.split_to(length);
            record
        };
        self.records.into_iter().map(with_payload).collect()
    }

    /// What was found before the damage, which the next read will tell.
    fn or(self, damaged: ReadError) -> Result<Vec<Record>, ReadError> {
        if self.records.is_empty() {
            return Err(damaged);
        }
        Ok(self.records())
    }
}
