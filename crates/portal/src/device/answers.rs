//! Answers of methods, kept so that they can be downloaded: they are stored
//! nowhere else, and calling again would not be the same.
//!
//! The last 64 are kept, each for the session that had it, until the session
//! ends or the hub does.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;

use crate::sessions::Session;

/// How many are kept. An answer has 128 KiB at most.
const KEPT: usize = 64;

/// The answers of this process.
#[derive(Debug, Default)]
pub struct Answers(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    next: u64,
    answers: VecDeque<Answer>,
}

#[derive(Debug)]
struct Answer {
    number: u64,
    whose: Weak<Session>,
    payload: Bytes,
}

impl Answers {
    /// Keeps an answer of a session; tells its number.
    pub fn keep(&self, session: &Arc<Session>, payload: Bytes) -> u64 {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.answers
            .retain(|answer| answer.whose.strong_count() > 0);
        if kept.answers.len() >= KEPT {
            kept.answers.pop_front();
        }
        let number = kept.next;
        kept.next += 1;
        kept.answers.push_back(Answer {
            number,
            whose: Arc::downgrade(session),
            payload,
        });
        number
    }

    /// The session's answer of a number, if it is still there.
    pub fn find(&self, session: &Arc<Session>, number: u64) -> Option<Bytes> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_meant = |answer: &&Answer| {
            answer.number == number && answer.whose.as_ptr() == Arc::as_ptr(session)
        };
        let found = kept.answers.iter().find(is_meant);
        found.map(|answer| answer.payload.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use crate::sessions::Credential;

    fn session() -> Arc<Session> {
        let credential = Credential::Operator {
            token: Secret::of("token"),
        };
        Session::new(credential, "localhost").unwrap()
    }

    #[tokio::test]
    async fn an_answer_is_for_the_session_that_had_it() {
        let answers = Answers::default();
        let (one, other) = (session(), session());

        let number = answers.keep(&one, Bytes::from_static(b"1"));

        assert_eq!(answers.find(&one, number), Some(Bytes::from_static(b"1")));
        assert_eq!(answers.find(&other, number), None);
        assert_eq!(answers.find(&one, number + 1), None);
    }

    #[tokio::test]
    async fn answers_are_bounded_and_go_with_their_session() {
        let answers = Answers::default();
        let (one, gone) = (session(), session());
        let first = answers.keep(&one, Bytes::new());
        answers.keep(&gone, Bytes::new());
        drop(gone);

        let second = answers.keep(&one, Bytes::new());
        assert_eq!(answers.0.lock().unwrap().answers.len(), 2);
        for _ in 0..KEPT - 1 {
            answers.keep(&one, Bytes::new());
        }

        assert_eq!(answers.find(&one, first), None);
        assert!(answers.find(&one, second).is_some());
    }
}
