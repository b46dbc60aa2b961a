//! Runs every target over its corpus and over mutations of it.
//!
//! The mutations come from a fixed seed: a failure repeats, and prints the
//! bytes to add to the corpus.

use std::{fs, panic, path::PathBuf};

use twinhub_fuzz::{TARGETS, Target};

const MUTATIONS_PER_TARGET: usize = 5_000;
const MAX_LENGTH: usize = 8 * 1024;

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The files of a target's corpus, in an order that does not depend on the disk.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = folder("corpus").join(target);
    let entries = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{} cannot be read: {error}", folder.display()));
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("the folder lists its files").path())
        .collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| fs::read(&path).expect("a corpus file is readable"))
        .collect()
}

fn run(name: &str, target: Target, bytes: &[u8]) {
    if panic::catch_unwind(|| target(bytes)).is_err() {
        panic!("{name} broke on {}", bytes.escape_ascii());
    }
}

#[test]
fn every_target_has_a_corpus_and_a_binary() {
    for (name, _) in TARGETS {
        assert!(!corpus(name).is_empty(), "{name} has no corpus");
        let binary = folder("fuzz_targets").join(format!("{name}.rs"));
        assert!(binary.exists(), "{} is missing", binary.display());
    }
}

#[test]
fn every_binary_and_corpus_belongs_to_a_target() {
    for folder in [folder("fuzz_targets"), folder("corpus")] {
        for entry in fs::read_dir(folder).expect("the folder is there") {
            let path = entry.expect("the folder lists its files").path();
            let stem = path.file_stem().expect("an entry has a name");
            assert!(
                TARGETS.iter().any(|(name, _)| stem == *name),
                "{} belongs to no target",
                path.display()
            );
        }
    }
}

#[test]
fn targets_hold_over_their_corpus() {
    for (name, target) in TARGETS {
        for bytes in corpus(name) {
            run(name, *target, &bytes);
        }
    }
}

#[test]
fn targets_hold_over_mutations_of_their_corpus() {
    for (name, target) in TARGETS {
        let corpus = corpus(name);
        let mut random = Random(0x7769_6e68_7562);
        for round in 0..MUTATIONS_PER_TARGET {
            let mut bytes = corpus[round % corpus.len()].clone();
            for _ in 0..=random.below(3) {
                mutate(&mut bytes, &corpus, &mut random);
            }
            bytes.truncate(MAX_LENGTH);
            run(name, *target, &bytes);
        }
    }
}

/// Changes the bytes in one of the ways that find mistakes in parsers.
fn mutate(bytes: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    let end = at + random.below(bytes.len() - at + 1).min(32);
    match random.below(7) {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(at..end)),
        2 => {
            let copy = bytes[at..end].to_vec();
            bytes.splice(at..at, copy);
        }
        3 => bytes.insert(at, random.byte()),
        4 => {
            let other = &corpus[random.below(corpus.len())];
            let from = random.below(other.len() + 1);
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
        5 if at < bytes.len() => bytes[at] = random.byte(),
        _ if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        _ => bytes.push(random.byte()),
    }
}

/// SplitMix64: small, seeded, the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is not zero.
    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// A byte, one of those that parsers care about half of the time.
    fn byte(&mut self) -> u8 {
        const TELLING: &[u8] = b"\x00\x01\x7f\x80\xff/&=;%+# ?$";
        let any = self.next() as u8;
        match self.below(2) {
            0 => any,
            _ => TELLING[usize::from(any) % TELLING.len()],
        }
    }
}
