//! `disk`: the time that this disk takes to make a write durable.
//!
//! Whatever promises durability waits for this, once per group of writes. Two
//! ways: at the end of a file that grows, and over what a file already has,
//! where the file system has no size to record.

use std::{
    fs::File,
    io::{Seek as _, SeekFrom, Write as _},
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context as _;

use crate::{
    figures::{Figures, Window},
    report::Report,
};

const PAGE: [u8; 4096] = [7; 4096];
/// The pages of the file that is written over and over.
const PAGES: u64 = 1024;

/// Measures both ways in `folder`, and removes what it wrote.
pub fn run(folder: &Path, seconds: u64) -> anyhow::Result<Report> {
    let path = folder.join(format!("twinhub-bench-{}", std::process::id()));
    let measured = measure(&path, Duration::from_secs(seconds));
    let removed = std::fs::remove_file(&path);
    let report = measured.with_context(|| format!("could not measure in {}", folder.display()))?;
    removed?;
    Ok(report)
}

fn measure(path: &Path, length: Duration) -> anyhow::Result<Report> {
    let mut file = File::create_new(path)?;
    let mut report = Report::default();
    let grown = write_durably(&mut file, length, |_| None)?;
    report.add("4 KB and fdatasync, at the end of a file", grown);

    file.set_len(0)?;
    file.rewind()?;
    for _ in 0..PAGES {
        file.write_all(&PAGE)?;
    }
    file.sync_all()?;
    let place = |turn: u64| Some(turn % PAGES * PAGE.len() as u64);
    let overwritten = write_durably(&mut file, length, place)?;
    report.add("4 KB and fdatasync, over a file's pages", overwritten);
    Ok(report)
}

fn write_durably(
    file: &mut File,
    length: Duration,
    place: impl Fn(u64) -> Option<u64>,
) -> anyhow::Result<crate::figures::Rate> {
    let window = Window::after(Duration::ZERO, length);
    let mut figures = Figures::new();
    let mut turn = 0;
    while window.is_open() {
        let started = Instant::now();
        if let Some(place) = place(turn) {
            file.seek(SeekFrom::Start(place))?;
        }
        file.write_all(&PAGE)?;
        file.sync_data()?;
        figures.count(&window, started, Ok(()));
        turn += 1;
    }
    Ok(figures.over(length, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();

        run(folder.path(), 0).unwrap();

        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }
}
