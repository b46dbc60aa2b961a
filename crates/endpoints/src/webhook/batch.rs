//! Events that wait for the next request, each written once.

use std::ops::Range;

/// How much memory an empty batch keeps.
const KEPT_ROOM: usize = 16 * 1024;

/// JSON documents, one behind the other.
#[derive(Default)]
pub(super) struct Batch {
    written: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Batch {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.written.len()
    }

    pub(super) fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.written);
        self.ends.push(self.written.len());
    }

    /// Some of them as one JSON array.
    pub(super) fn request(&self, events: Range<usize>) -> Vec<u8> {
        let mut array = vec![b'['];
        for index in events {
            if array.len() > 1 {
                array.push(b',');
            }
            let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
            array.extend_from_slice(&self.written[start..self.ends[index]]);
        }
        array.push(b']');
        array
    }

    /// Forgets them; who waits for events holds little.
    pub(super) fn clear(&mut self) {
        self.ends.clear();
        self.written.clear();
        self.written.shrink_to(KEPT_ROOM);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_run_of_events_is_an_array() {
        let mut batch = Batch::default();
        for number in 1..=3 {
            batch.push(|out| out.extend(format!("{{\"n\":{number}}}").bytes()));
        }

        assert_eq!(batch.request(0..3), br#"[{"n":1},{"n":2},{"n":3}]"#);
        assert_eq!(batch.request(1..2), br#"[{"n":2}]"#);
        assert_eq!(batch.request(3..3), b"[]");
    }
}
