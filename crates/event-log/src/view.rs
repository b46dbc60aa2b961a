//! What is committed: the segments, how far each partition came, and the
//! index of the newest segment. Readers see this and nothing else.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use crate::header::{HEADER, Header, Reached};
use crate::index::{Entry, SparseIndex, StoredIndex};

/// A segment's place in the log.
#[derive(Debug)]
pub(crate) struct Segment {
    pub header: Header,
    pub path: PathBuf,
}

impl Segment {
    /// The name of the segment's file.
    pub fn name(base: u64) -> String {
        format!("{base:020}.log")
    }

    /// The name of its index.
    pub fn index_name(base: u64) -> String {
        format!("{base:020}.idx")
    }

    pub fn base(&self) -> u64 {
        self.header.base
    }

    /// Where an offset lies in the file.
    pub fn position(&self, offset: u64) -> u64 {
        offset - self.base() + HEADER as u64
    }

    /// The sequence number of the partition's first record here, or of the
    /// next one if there is none.
    pub fn first(&self, partition: u16) -> u64 {
        self.header.partitions[usize::from(partition)].next
    }
}

/// What is committed.
pub(crate) struct View {
    /// Oldest first; the last is written to, or would be.
    pub segments: Vec<Arc<Segment>>,
    /// The newest segment's file, as long as it is written to.
    pub file: Option<Arc<File>>,
    /// The offset behind the last record.
    pub end: u64,
    /// The partitions at the end.
    pub reached: Vec<Reached>,
    /// Of the newest segment.
    pub index: SparseIndex,
    /// The enqueued time of the first record of the newest segment, once it
    /// has one that was written since it was opened.
    pub began: Option<i64>,
}

/// The part of a segment that holds records of one partition.
pub(crate) struct Stretch {
    pub segment: Arc<Segment>,
    /// The file, if it is open already.
    pub file: Option<Arc<File>>,
    /// Where the segment's records end.
    pub end: u64,
    /// The sequence number behind the partition's last record here.
    pub next: u64,
    /// Whether the view's own index is this segment's.
    pub newest: bool,
}

impl View {
    /// The sequence number of the oldest record there is, or of the next one.
    pub fn first(&self, partition: u16) -> u64 {
        self.segments
            .first()
            .map_or(0, |segment| segment.first(partition))
    }

    pub fn reached(&self, partition: u16) -> &Reached {
        &self.reached[usize::from(partition)]
    }

    /// Where a record lies that is there.
    pub fn holding(&self, partition: u16, sequence_number: u64) -> Option<Stretch> {
        if sequence_number >= self.reached(partition).next {
            return None;
        }
        let behind = self
            .segments
            .partition_point(|segment| segment.first(partition) <= sequence_number);
        self.stretch(partition, behind.checked_sub(1)?)
    }

    /// The first segment that has a record of the partition from this moment on.
    pub fn enqueued_from(&self, partition: u16, moment: i64) -> Option<Stretch> {
        let place = (0..self.segments.len()).find(|place| {
            let end = self.partitions_at_end(*place)[usize::from(partition)];
            end.latest >= moment && end.next > self.segments[*place].first(partition)
        })?;
        self.stretch(partition, place)
    }

    /// The segment that holds an offset.
    pub fn at_offset(&self, partition: u16, offset: u64) -> Option<Stretch> {
        let behind = self
            .segments
            .partition_point(|segment| segment.base() <= offset);
        self.stretch(partition, behind.checked_sub(1)?)
    }

    fn stretch(&self, partition: u16, place: usize) -> Option<Stretch> {
        let segment = self.segments.get(place)?.clone();
        let newest = place + 1 == self.segments.len();
        Some(Stretch {
            file: self.file.clone().filter(|_| newest),
            end: self.end_of(place),
            next: self.partitions_at_end(place)[usize::from(partition)].next,
            newest,
            segment,
        })
    }

    /// The offset behind a segment's last record.
    pub fn end_of(&self, place: usize) -> u64 {
        self.segments
            .get(place + 1)
            .map_or(self.end, |next| next.base())
    }

    /// The partitions as they are behind a segment's last record.
    pub fn partitions_at_end(&self, place: usize) -> &[Reached] {
        self.segments
            .get(place + 1)
            .map_or(&self.reached, |next| &next.header.partitions)
    }

    /// The newest segment's index, as it is stored when it is sealed.
    pub fn sealed(&self) -> Option<StoredIndex> {
        let newest = self.segments.last()?;
        Some(StoredIndex {
            base: newest.base(),
            end: self.end,
            partitions: self.reached.clone(),
            index: self.index.clone(),
        })
    }

    /// Goes on in a new segment, which takes the place of an empty one.
    pub fn begin(&mut self, segment: Segment, file: Arc<File>) {
        self.segments
            .pop_if(|newest| newest.base() == segment.base());
        self.segments.push(Arc::new(segment));
        self.file = Some(file);
        self.index = SparseIndex::new(self.reached.len());
        self.began = None;
        for partition in &mut self.reached {
            partition.latest = i64::MIN;
        }
    }

    /// The head of the segment that follows.
    pub fn next_header(&self) -> Header {
        match self.segments.last() {
            // An empty segment is replaced by one that knows the same.
            Some(newest) if newest.base() == self.end => newest.header.clone(),
            _ => Header {
                base: self.end,
                partitions: self.reached.clone(),
            },
        }
    }

    /// Takes a commit.
    pub fn advance(
        &mut self,
        end: u64,
        reached: &[Reached],
        entries: &[(u16, Entry)],
        began: Option<i64>,
    ) {
        self.end = end;
        self.reached.copy_from_slice(reached);
        for (partition, entry) in entries {
            self.index.push(*partition, *entry);
        }
        self.began = self.began.or(began);
    }
}
