//! What is found when a log is opened.
//!
//! - Segments must follow each other without a gap, except that the oldest
//!   may be gone: that is what retention does.
//! - The newest segment is read as a whole, unless the log was closed
//!   properly. A commit that was being written when the machine stopped may be
//!   torn: it was not acknowledged, and is cut.
//! - Where sound records of a *later* commit follow, it is no torn commit but
//!   damage: the log does not open, and names the place.
//! - Damage in other segments is found when they are read.
//!
//! Then the newest segment is sealed, whatever it was: a log never goes on in
//! a segment that an earlier process wrote.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::ahead::{SPARE, store};
use crate::disk::{Folder, read_at};
use crate::error::{HeaderError, OpenError};
use crate::frame;
use crate::header::{HEADER, Header, MAX_PARTITIONS, Reached};
use crate::index::{SparseIndex, StoredIndex};
use crate::scan::{Next, Records};
use crate::view::{Segment, View};

/// What opening found, beside the log itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// A torn commit that was cut: the segment and its bytes that were not zero.
    pub torn: Option<(PathBuf, u64)>,
}

/// Reads what there is of a log. Nothing is changed before all is known to be
/// in order.
pub(crate) fn recover(folder: &Folder, partitions: u16) -> Result<(View, Recovered), OpenError> {
    if partitions == 0 || partitions > MAX_PARTITIONS {
        return Err(OpenError::PartitionCount(partitions));
    }
    fs::create_dir_all(folder.path()).map_err(|source| failed(folder.path(), source))?;
    let segments = segments(folder)?;
    for segment in &segments {
        let found = u16::try_from(segment.header.partitions.len()).expect("at most MAX_PARTITIONS");
        if found != partitions {
            return Err(OpenError::Partitions {
                found,
                wanted: partitions,
            });
        }
    }
    check_chain(&segments)?;
    let mut recovered = Recovered::default();
    let count = usize::from(partitions);
    let newest = match segments.last() {
        Some(segment) => newest(folder, segment, &mut recovered)?,
        None => StoredIndex {
            base: 0,
            end: 0,
            partitions: vec![Reached::NOTHING; count],
            index: SparseIndex::new(count),
        },
    };
    remove_leftovers(folder, &segments)?;
    Ok((
        View {
            segments,
            file: None,
            end: newest.end,
            reached: newest.partitions,
            index: newest.index,
            began: None,
        },
        recovered,
    ))
}

fn segments(folder: &Folder) -> Result<Vec<Arc<Segment>>, OpenError> {
    let mut segments = Vec::new();
    let entries = fs::read_dir(folder.path()).map_err(|source| failed(folder.path(), source))?;
    for entry in entries {
        let path = entry
            .map_err(|source| failed(folder.path(), source))?
            .path();
        if path.extension().is_some_and(|extension| extension == "log") {
            segments.push(Arc::new(segment(path)?));
        }
    }
    segments.sort_by_key(|segment| segment.base());
    Ok(segments)
}

fn segment(path: PathBuf) -> Result<Segment, OpenError> {
    let file = File::open(&path).map_err(|source| failed(&path, source))?;
    let mut bytes = vec![0; HEADER];
    read_at(&file, &mut bytes, 0).map_err(|source| failed(&path, source))?;
    let header = Header::decode(&bytes).and_then(|header| {
        let named = path
            .file_name()
            .is_some_and(|name| *name == *Segment::name(header.base));
        named.then_some(header).ok_or(HeaderError::Damaged)
    });
    match header {
        Ok(header) => Ok(Segment { header, path }),
        Err(source) => Err(OpenError::Segment { path, source }),
    }
}

fn check_chain(segments: &[Arc<Segment>]) -> Result<(), OpenError> {
    for pair in segments.windows(2) {
        let [segment, next] = pair else { continue };
        let length = length(&segment.path)?;
        let ends = segment.base() + length.saturating_sub(HEADER as u64);
        if ends < next.base() {
            return Err(OpenError::Gap {
                path: segment.path.clone(),
                ends,
                begins: next.base(),
            });
        }
    }
    Ok(())
}

fn length(path: &Path) -> Result<u64, OpenError> {
    let metadata = fs::metadata(path).map_err(|source| failed(path, source))?;
    Ok(metadata.len())
}

/// The newest segment, which is sealed now if it wasn't.
fn newest(
    folder: &Folder,
    segment: &Segment,
    recovered: &mut Recovered,
) -> Result<StoredIndex, OpenError> {
    if let Some(sealed) = stored_index(folder, segment.base()) {
        let length = length(&segment.path)?;
        let ends = segment.base() + length.saturating_sub(HEADER as u64);
        if ends < sealed.end {
            return Err(OpenError::Gap {
                path: segment.path.clone(),
                ends,
                begins: sealed.end,
            });
        }
        return Ok(sealed);
    }
    let file = File::open(&segment.path).map_err(|source| failed(&segment.path, source))?;
    let length = length(&segment.path)?;
    let scanned = scan(&file, segment, length).map_err(|source| failed(&segment.path, source))?;
    if let Some(torn) = torn(&file, segment, &scanned, length)? {
        recovered.torn = Some((segment.path.clone(), torn));
    }
    if scanned.end > scanned.base {
        // A killed process may have left records that the system has not
        // written yet; readers see them from now on.
        file.sync_all()
            .and_then(|()| store(folder, &scanned))
            .map_err(|source| failed(&segment.path, source))?;
    }
    Ok(scanned)
}

/// The index beside a segment, if it is sound.
pub(crate) fn stored_index(folder: &Folder, base: u64) -> Option<StoredIndex> {
    let bytes = fs::read(folder.file(&Segment::index_name(base))).ok()?;
    StoredIndex::decode(&bytes).filter(|stored| stored.base == base && stored.end > base)
}

/// Reads all records, up to the first bytes that are none.
pub(crate) fn scan(file: &File, segment: &Segment, length: u64) -> io::Result<StoredIndex> {
    let base = segment.base();
    let limit = base + length.saturating_sub(HEADER as u64);
    let mut partitions = segment.header.partitions.clone();
    for partition in &mut partitions {
        partition.latest = i64::MIN;
    }
    let mut index = SparseIndex::new(partitions.len());
    let mut records = Records::new(file, base, base, limit);
    let mut end = base;
    while let Next::Record { offset, head } = records.next()? {
        let Some(reached) = partitions.get_mut(usize::from(head.partition)) else {
            break;
        };
        if head.sequence_number != reached.next || records.sound(offset, &head)?.is_none() {
            break;
        }
        index.note(head.partition, reached, offset);
        reached.take(offset, head.enqueued);
        end = records.at();
    }
    Ok(StoredIndex {
        base,
        end,
        partitions,
        index,
    })
}

/// Looks at what follows the last record: zeros, a torn commit (and how long
/// it is), or damage.
fn torn(
    file: &File,
    segment: &Segment,
    scanned: &StoredIndex,
    length: u64,
) -> Result<Option<u64>, OpenError> {
    let position = segment.position(scanned.end);
    let rest = rest(file, position, length).map_err(|source| failed(&segment.path, source))?;
    if rest.is_empty() {
        return Ok(None);
    }
    if let Some(follows) = later_commit(&rest, scanned.end) {
        return Err(OpenError::Damaged {
            path: segment.path.clone(),
            position,
            follows: position + follows as u64,
        });
    }
    Ok(Some(rest.len() as u64))
}

/// What follows a position, without the zeros at the end.
fn rest(file: &File, position: u64, length: u64) -> io::Result<Vec<u8>> {
    const STEP: usize = 1 << 20;
    let mut rest = Vec::new();
    let mut zeros = 0;
    let mut step = vec![0; STEP];
    let mut at = position;
    while at < length {
        let read = read_at(file, &mut step, at)?;
        if read == 0 {
            break;
        }
        at += read as u64;
        match step[..read].iter().rposition(|byte| *byte != 0) {
            Some(last) => {
                rest.resize(rest.len() + zeros, 0);
                rest.extend_from_slice(&step[..=last]);
                zeros = read - last - 1;
            }
            None => zeros += read,
        }
    }
    // A record may end in zeros.
    let behind = frame::HEAD + frame::MAX_PAYLOAD;
    if !rest.is_empty() {
        rest.resize(rest.len() + zeros.min(behind), 0);
    }
    Ok(rest)
}

/// Where in the bytes, which lie at `offset` of the log, a sound record lies
/// that belongs to a commit that began in them, behind their start.
pub(crate) fn later_commit(bytes: &[u8], offset: u64) -> Option<usize> {
    (0..bytes.len()).find(|at| {
        frame::sound(&bytes[*at..], offset.saturating_add(*at as u64))
            .is_some_and(|record| (record.head.since_commit as usize) < *at)
    })
}

/// Removes what an interrupted process may have left.
fn remove_leftovers(folder: &Folder, segments: &[Arc<Segment>]) -> Result<(), OpenError> {
    let entries = fs::read_dir(folder.path()).map_err(|source| failed(folder.path(), source))?;
    for entry in entries {
        let path = entry
            .map_err(|source| failed(folder.path(), source))?
            .path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or("");
        let is_known = |name: &str| {
            segments
                .iter()
                .any(|segment| Segment::index_name(segment.base()) == name)
        };
        let is_orphan = name.ends_with(".idx") && !is_known(name);
        if name == SPARE || name.ends_with(".idx.tmp") || is_orphan {
            fs::remove_file(&path).map_err(|source| failed(&path, source))?;
        }
    }
    Ok(())
}

fn failed(path: &Path, source: io::Error) -> OpenError {
    OpenError::Io {
        path: path.to_owned(),
        source,
    }
}
