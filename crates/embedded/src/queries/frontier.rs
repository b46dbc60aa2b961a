//! How far the readers of a fold have come together.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::tables::scan::{Columns, Stretch};

/// Where the next stretch begins. Readers get one after the other; whether
/// there are more is told without waiting for them.
pub(super) struct Frontier {
    /// The last identity that somebody reads or has read; nothing if there are
    /// no others. Locked while the disk is read, so not for async code.
    reached: Mutex<Option<Columns>>,
    over: AtomicBool,
}

impl Default for Frontier {
    fn default() -> Self {
        Frontier {
            reached: Mutex::new(Some(Columns::default())),
            over: AtomicBool::new(false),
        }
    }
}

impl Frontier {
    /// The next stretch; nothing if others read the rest. `end_of` finds where
    /// a stretch ends that begins after an identity. If it fails, there is no
    /// next one.
    pub(super) fn next<E>(
        &self,
        end_of: impl FnOnce(&Columns) -> Result<Option<Columns>, E>,
    ) -> Result<Option<Stretch>, E> {
        let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(after) = reached.take() else {
            return Ok(None);
        };
        let end = end_of(&after);
        let goes_on = matches!(end, Ok(Some(_)));
        self.over.store(!goes_on, Ordering::Release);
        let end = end?;
        reached.clone_from(&end);
        Ok(Some(Stretch { after, end }))
    }

    /// Whether somebody reads or has read the last stretch.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};
    use std::time::Duration;

    use super::*;

    fn columns(device: &str) -> Columns {
        (device.to_owned(), String::new())
    }

    #[test]
    fn a_stretch_begins_where_the_one_before_ends() {
        let frontier = Frontier::default();
        let next = |end: Option<Columns>| {
            let next = frontier.next(|_| Ok::<_, ()>(end)).unwrap();
            next.map(|stretch| (stretch.after, stretch.end))
        };

        let first = next(Some(columns("b")));
        let over_between = frontier.is_over();
        let last = next(None);

        assert_eq!(first, Some((Columns::default(), Some(columns("b")))));
        assert!(!over_between);
        assert_eq!(last, Some((columns("b"), None)));
        assert!(frontier.is_over());
        assert_eq!(next(Some(columns("c"))), None);
    }

    #[test]
    fn a_stretch_that_can_not_be_read_is_the_last() {
        let frontier = Frontier::default();

        let failed = frontier.next(|_| Err("broken disk"));

        assert!(failed.is_err());
        assert!(frontier.is_over());
    }

    #[test]
    fn nobody_waits_for_the_disk_to_be_told_whether_it_is_over() {
        let frontier = Arc::new(Frontier::default());
        let (told, answer) = mpsc::channel();
        let asking = frontier.clone();

        let in_time = frontier.next(|_| {
            // While the lock is held.
            std::thread::spawn(move || told.send(asking.is_over()));
            let answer = answer.recv_timeout(Duration::from_secs(10));
            answer.map(|over| (!over).then(|| columns("b")))
        });

        assert!(in_time.unwrap().unwrap().end.is_some());
    }
}
