//! The file that tells how far a backlog is delivered: replaced as a whole.
//!
//! ```text
//!  0  8 bytes  "TWINHPRG"
//!  8  u16      version of this layout
//! 10  u16      partitions
//! 12  u32      checksum (CRC-32C) of what follows
//! 16  for each partition:
//!      0  u64  sequence number of the first event that is not delivered
//!      8  u64  how many went before they were delivered
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

pub(super) const NAME: &str = "progress";
const DRAFT: &str = "progress.tmp";
const MAGIC: &[u8; 8] = b"TWINHPRG";
const VERSION: u16 = 1;
const HEAD: usize = 16;
const EACH: usize = 16;

/// How far a partition is delivered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Delivered {
    pub next: u64,
    pub lost: u64,
}

/// What a folder tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Delivered(Vec<Delivered>),
    Nothing,
    /// A file that is not what was written.
    Damaged,
}

pub(super) fn encode(partitions: &[Delivered]) -> Vec<u8> {
    let each = partitions.iter();
    let body: Vec<u8> = each
        .flat_map(|one| [one.next.to_le_bytes(), one.lost.to_le_bytes()])
        .flatten()
        .collect();
    let count = u16::try_from(partitions.len()).expect("a log has at most 64 partitions");
    let mut out = Vec::with_capacity(HEAD + body.len());
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&crc32c::crc32c(&body).to_le_bytes());
    out.extend_from_slice(&body);
    out
}

/// `None` if it is not what was written, or of another version.
fn decode(bytes: &[u8]) -> Option<Vec<Delivered>> {
    let (head, body) = bytes.split_first_chunk::<HEAD>()?;
    let version = u16::from_le_bytes([head[8], head[9]]);
    let count = u16::from_le_bytes([head[10], head[11]]);
    let sum = u32::from_le_bytes([head[12], head[13], head[14], head[15]]);
    let is_sound = &head[..8] == MAGIC
        && version == VERSION
        && body.len() == EACH * usize::from(count)
        && crc32c::crc32c(body) == sum;
    let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("8 bytes"));
    let each = body.chunks_exact(EACH).map(|one| Delivered {
        next: number(&one[..8]),
        lost: number(&one[8..]),
    });
    is_sound.then(|| each.collect())
}

pub(super) fn read(folder: &Path) -> io::Result<Found> {
    match fs::read(folder.join(NAME)) {
        Ok(bytes) => Ok(decode(&bytes).map_or(Found::Damaged, Found::Delivered)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Nothing),
        Err(error) => Err(error),
    }
}

/// Durable when it returns; there is the old or the new, whatever happens.
pub(super) fn write(folder: &Path, partitions: &[Delivered]) -> io::Result<()> {
    let draft = folder.join(DRAFT);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    file.write_all(&encode(partitions))?;
    file.sync_all()?;
    fs::rename(&draft, folder.join(NAME))?;
    // Other systems have no flush of a folder.
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivered() -> Vec<Delivered> {
        let of = |number| Delivered {
            next: number * 1000,
            lost: number,
        };
        (0..4).map(of).collect()
    }

    #[test]
    fn what_was_written_is_read_and_replaced() {
        let folder = tempfile::tempdir().unwrap();

        let before = read(folder.path()).unwrap();
        write(folder.path(), &[Delivered::default(); 4]).unwrap();
        write(folder.path(), &delivered()).unwrap();

        assert_eq!(before, Found::Nothing);
        let found = read(folder.path()).unwrap();
        assert_eq!(found, Found::Delivered(delivered()));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_of_version_1_is_read_by_every_build() {
        let mut stored = b"TWINHPRG\x01\x00\x02\x00".to_vec();
        stored.extend_from_slice(&0xacba_d126_u32.to_le_bytes());
        for number in [7_u64, 0, 300, 2] {
            stored.extend_from_slice(&number.to_le_bytes());
        }

        let found = decode(&stored);

        let of = |next, lost| Delivered { next, lost };
        assert_eq!(found, Some(vec![of(7, 0), of(300, 2)]));
    }

    #[test]
    fn a_changed_byte_a_torn_file_and_a_longer_one_are_noticed() {
        let bytes = encode(&delivered());
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;

            assert_eq!(decode(&changed), None, "byte {at}");
            assert_eq!(decode(&bytes[..at]), None, "{at} bytes");
        }
        assert_eq!(decode(&[&bytes[..], &[0]].concat()), None);
    }
}
