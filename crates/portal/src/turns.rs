//! Turns: how many costly questions are answered at once.
//!
//! A query may read the whole registry, and its page may hold megabytes until
//! it is written. Whoever asks such a thing has a turn from the question to the
//! page. A session has two turns at once, and all sessions together four; who
//! finds none free waits for a short time, in the order of coming, and is then
//! told to try again.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::client::ApiError;

/// How many turns there are at once.
const OF_ALL: usize = 4;
/// How many of them a session may have.
const OF_ONE: usize = 2;
/// How long a page waits for its turn.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// How long a file that is being written waits for its next turn: it has begun,
/// and would be cut off.
pub const LONG_PATIENCE: Duration = Duration::from_secs(60);

/// The turns of one session, or of all.
#[derive(Debug, Clone)]
pub struct Turns(Arc<Semaphore>);

/// A turn, which another has when this is dropped.
#[derive(Debug)]
#[must_use = "what is costly is done while the turn is held"]
pub struct Turn {
    _own: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Turns {
    /// Those of one session.
    pub fn of_one() -> Self {
        Turns(Arc::new(Semaphore::new(OF_ONE)))
    }

    /// Those of all sessions.
    pub fn of_all() -> Self {
        Turns(Arc::new(Semaphore::new(OF_ALL)))
    }

    async fn one(&self) -> Option<OwnedSemaphorePermit> {
        // It is never closed.
        self.0.clone().acquire_owned().await.ok()
    }
}

/// Waits for a turn, of one's own and among all.
pub async fn take(own: &Turns, of_all: &Turns, patience: Duration) -> Result<Turn, ApiError> {
    let until = Instant::now() + patience;
    let mine = timeout_at(until, own.one()).await.ok().flatten();
    let mine = mine.ok_or_else(|| {
        ApiError::unasked(
            StatusCode::TOO_MANY_REQUESTS,
            "you have other queries under way: let one of them end, and try again",
        )
    })?;
    let among_all = timeout_at(until, of_all.one()).await.ok().flatten();
    let among_all = among_all.ok_or_else(|| {
        ApiError::unasked(
            StatusCode::SERVICE_UNAVAILABLE,
            "the hub is busy with the queries of others: try again in a few seconds",
        )
    })?;
    Ok(Turn {
        _own: mine,
        _of_all: among_all,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn refusal(own: &Turns, of_all: &Turns) -> StatusCode {
        take(own, of_all, PATIENCE).await.unwrap_err().status()
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_has_two_turns_and_leaves_others_theirs() {
        let (own, other, of_all) = (Turns::of_one(), Turns::of_one(), Turns::of_all());
        let mut held = Vec::new();
        for _ in 0..OF_ONE {
            held.push(take(&own, &of_all, PATIENCE).await.unwrap());
        }

        assert_eq!(refusal(&own, &of_all).await, StatusCode::TOO_MANY_REQUESTS);
        assert!(take(&other, &of_all, PATIENCE).await.is_ok());
        held.pop();
        assert!(take(&own, &of_all, PATIENCE).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_turns_are_taken_a_new_session_is_told_to_wait() {
        let (first, second, third) = (Turns::of_one(), Turns::of_one(), Turns::of_one());
        let of_all = Turns::of_all();
        let mut held = Vec::new();
        for own in [&first, &first, &second, &second] {
            held.push(take(own, &of_all, PATIENCE).await.unwrap());
        }

        let status = refusal(&third, &of_all).await;

        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_has_the_turn_that_becomes_free() {
        let (own, of_all) = (Turns::of_one(), Turns::of_all());
        let first = take(&own, &of_all, PATIENCE).await.unwrap();
        let _second = take(&own, &of_all, PATIENCE).await.unwrap();

        let (third, ()) = tokio::join!(take(&own, &of_all, PATIENCE), async {
            tokio::time::sleep(PATIENCE / 2).await;
            drop(first);
        });

        assert!(third.is_ok());
    }
}
