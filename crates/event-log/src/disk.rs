//! Files: positions, flushes, and the folder's own entries.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

#[cfg(unix)]
use std::os::unix::fs::FileExt as _;
#[cfg(windows)]
use std::os::windows::fs::FileExt as _;

/// How much is filled with zeros at a time, so that commits beside it don't
/// wait long.
const FILL_STEP: usize = 1 << 20;

/// What the system reads and writes at once. A part of a page that is not in
/// memory would be read before it is written.
pub(crate) const PAGE: usize = 4096;

/// What a new segment leaves of the disk.
const LEFT_TO_OTHERS: u64 = 16 << 20;

/// The log's folder.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    path: PathBuf,
    #[cfg(test)]
    pub faults: std::sync::Arc<faults::Faults>,
}

impl Folder {
    pub fn at(path: &Path) -> Self {
        Folder {
            path: path.to_owned(),
            #[cfg(test)]
            faults: std::sync::Arc::default(),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Makes the names in the folder durable.
    pub fn sync(&self) -> io::Result<()> {
        // Other systems have no flush of a folder.
        if cfg!(unix) {
            File::open(&self.path)?.sync_all()?;
        }
        Ok(())
    }

    /// A new file full of zeros, all of them on disk. What there was under its
    /// name is gone. Calls `pause` every now and then.
    ///
    /// The zeros go past the system's cache where that is possible: they are
    /// not read again, and to find memory for them cost more than all the rest
    /// of the log.
    pub fn zeroed(&self, path: &Path, size: u64, pause: impl Fn()) -> io::Result<File> {
        #[cfg(test)]
        self.faults.room(size)?;
        self.require_room(size)?;
        let file = create(path)?;
        let mut direct = open_direct(path);
        let zeros = vec![0; FILL_STEP + PAGE];
        let zeros = &zeros[zeros.as_ptr().align_offset(PAGE)..];
        let mut at = 0;
        while at < size {
            let step = usize::try_from(size - at).map_or(FILL_STEP, |left| left.min(FILL_STEP));
            let by = direct.as_ref().filter(|_| step.is_multiple_of(PAGE));
            match (write_at(by.unwrap_or(&file), &zeros[..step], at), by) {
                (Ok(()), _) => at += step as u64,
                // Not every file system can do it.
                (Err(error), Some(_)) if error.kind() == io::ErrorKind::InvalidInput => {
                    direct = None;
                    continue;
                }
                (Err(error), _) => return Err(error),
            }
            if direct.is_none() {
                file.sync_data()?;
            }
            pause();
        }
        file.sync_all()?;
        Ok(file)
    }

    /// Refuses to take the last room there is: others write to the disk, too,
    /// and what makes room may need some.
    fn require_room(&self, size: u64) -> io::Result<()> {
        #[cfg(unix)]
        {
            let disk = rustix::fs::statvfs(&self.path)?;
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            if free < size.saturating_add(LEFT_TO_OTHERS) {
                return Err(io::ErrorKind::StorageFull.into());
            }
        }
        #[cfg(not(unix))]
        let _ = size;
        Ok(())
    }

    /// Writes and flushes.
    pub fn commit(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        #[cfg(test)]
        self.faults.write()?;
        write_at(file, bytes, at)?;
        #[cfg(test)]
        self.faults.flush()?;
        file.sync_data()
    }

    /// Writes a small file so that it is there as a whole or not at all.
    pub fn write_whole(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let temporary = self.file(&format!("{name}.tmp"));
        let file = create(&temporary)?;
        write_at(&file, bytes, 0)?;
        file.sync_all()?;
        fs::rename(&temporary, self.file(name))?;
        self.sync()
    }
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// The file, for writes of whole pages that go past the system's cache.
fn open_direct(path: &Path) -> Option<File> {
    #[cfg(target_os = "linux")]
    {
        let direct = rustix::fs::OFlags::DIRECT.bits().cast_signed();
        let mut options = OpenOptions::new();
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, direct);
        options.write(true).open(path).ok()
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = path;
        None
    }
}

/// Reads until the buffer is full or the file ends; tells how much it was.
pub(crate) fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        #[cfg(unix)]
        let read = file.read_at(&mut buffer[done..], at + done as u64);
        #[cfg(windows)]
        let read = file.seek_read(&mut buffer[done..], at + done as u64);
        match read {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Writes all of it.
pub(crate) fn write_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    #[cfg(unix)]
    return file.write_all_at(bytes, at);
    #[cfg(windows)]
    {
        let mut done = 0;
        while done < bytes.len() {
            done += file.seek_write(&bytes[done..], at + done as u64)?;
        }
        Ok(())
    }
}

/// Failures on demand, for tests.
#[cfg(test)]
pub(crate) mod faults {
    use std::io;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[derive(Debug, Default)]
    pub struct Faults {
        pub full: AtomicBool,
        pub failing_writes: AtomicBool,
        pub failing_flushes: AtomicBool,
    }

    impl Faults {
        pub(super) fn room(&self, _size: u64) -> io::Result<()> {
            fail(&self.full, io::ErrorKind::StorageFull)
        }

        pub(super) fn write(&self) -> io::Result<()> {
            fail(&self.failing_writes, io::ErrorKind::Other)
        }

        pub(super) fn flush(&self) -> io::Result<()> {
            fail(&self.failing_flushes, io::ErrorKind::Other)
        }
    }

    fn fail(fault: &AtomicBool, kind: io::ErrorKind) -> io::Result<()> {
        if fault.load(Ordering::SeqCst) {
            return Err(kind.into());
        }
        Ok(())
    }
}
