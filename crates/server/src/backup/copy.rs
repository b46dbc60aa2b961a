//! Files, copied with their checksums and flushed on the way.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256};

const STEP: usize = 1 << 20;
/// A long flush at the end would hold up the hub's own.
const STEPS_TO_FLUSH: usize = 8;

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    /// How much.
    pub bytes: u64,
    /// Its SHA-256, hexadecimal.
    pub sha256: String,
}

/// Copies to a new file, for its owner alone, and makes it durable.
/// `progress` hears of each step, and may end it.
pub fn to_new_file(
    from: &mut dyn Read,
    to: &Path,
    mut progress: impl FnMut(u64) -> io::Result<()>,
) -> io::Result<Sum> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(to)?;
    let mut steps = 0;
    let sum = read_all(from, |bytes| {
        file.write_all(bytes)?;
        steps += 1;
        if steps % STEPS_TO_FLUSH == 0 {
            file.sync_data()?;
        }
        progress(bytes.len() as u64)
    })?;
    file.sync_all()?;
    Ok(sum)
}

/// The checksum of a file.
pub fn sum(path: &Path) -> io::Result<Sum> {
    read_all(&mut File::open(path)?, |_| Ok(()))
}

/// Makes the names in a folder durable.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    // Other systems have no flush of a folder.
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// How much may be written where `folder` is; `None` where nobody can tell.
pub fn free_space(folder: &Path) -> Option<u64> {
    #[cfg(unix)]
    {
        let disk = rustix::fs::statvfs(folder).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }
    #[cfg(not(unix))]
    {
        let _ = folder;
        None
    }
}

/// Bytes as people say them.
pub fn shown(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1_000)),
        1_000_000..10_000_000_000 => format!("{} MB", bytes.div_ceil(1_000_000)),
        _ => format!("{} GB", bytes.div_ceil(1_000_000_000)),
    }
}

fn read_all(from: &mut dyn Read, mut each: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<Sum> {
    let mut digest = Context::new(&SHA256);
    let mut step = vec![0; STEP];
    let mut bytes = 0;
    loop {
        let read = match from.read(&mut step) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        digest.update(&step[..read]);
        each(&step[..read])?;
        bytes += read as u64;
    }
    let digest = digest.finish();
    let sha256 = digest.as_ref().iter().map(|byte| format!("{byte:02x}"));
    Ok(Sum {
        bytes,
        sha256: sha256.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_the_sum_that_its_file_has_later() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("copy");
        let mut told = 0;

        let copied = to_new_file(&mut &b"abc"[..], &to, |bytes| {
            told += bytes;
            Ok(())
        });

        let copied = copied.unwrap();
        assert_eq!(copied, sum(&to).unwrap());
        assert_eq!((copied.bytes, told), (3, 3));
        assert_eq!(
            copied.sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn a_file_that_is_there_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("copy");
        std::fs::write(&to, "kept").unwrap();

        let refused = to_new_file(&mut &b"abc"[..], &to, |_| Ok(()));

        assert!(refused.is_err());
        assert_eq!(std::fs::read(&to).unwrap(), b"kept");
    }
}
