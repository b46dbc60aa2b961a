//! Who is signed in.
//!
//! A session is a random number that the hub remembers: signing out forgets
//! it, and so does a restart. It holds the credential that its person showed,
//! which is shown to the API anew with every request: once its key is rolled,
//! the session is of no use, and ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::page::Notice;
use crate::secret::{NoRandomness, Secret};

/// How long somebody stays signed in, at most.
const LIFETIME: Duration = Duration::from_secs(8 * 3600);
/// How long somebody stays signed in who does nothing.
const IDLE: Duration = Duration::from_secs(3600);
/// How many sessions there may be; the one that was idle longest makes room.
const MAX_SESSIONS: usize = 1000;

/// What somebody showed on signing in.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A shared access policy's key.
    Policy {
        /// The policy.
        name: String,
        /// Its key, in base64.
        key: Secret,
    },
    /// The operator token, by way of a one-time link.
    Operator {
        /// The token.
        token: Secret,
    },
}

/// Somebody who is signed in.
#[derive(Debug)]
pub struct Session {
    /// The number in the cookie.
    id: Secret,
    /// The number in each form, which other sites can't know.
    pub csrf: Secret,
    /// What they showed.
    pub credential: Credential,
    /// The host name under which the hub is asked.
    pub host: String,
    /// When it ends.
    pub ends: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    last_seen: Instant,
    notice: Option<Notice>,
}

impl Session {
    /// The number in the cookie.
    pub fn id(&self) -> &Secret {
        &self.id
    }

    /// Keeps a notice for the page that is shown next.
    pub fn tell(&self, notice: Notice) {
        self.state().notice = Some(notice);
    }

    /// The notice for this page; it is told once.
    pub fn told(&self) -> Option<Notice> {
        self.state().notice.take()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_over(&self, now: Instant) -> bool {
        now >= self.ends || now >= self.state().last_seen + IDLE
    }
}

/// All sessions of this process.
#[derive(Debug, Default)]
pub struct Sessions {
    by_id: Mutex<HashMap<String, Arc<Session>>>,
}

impl Sessions {
    /// Somebody has signed in.
    pub fn begin(&self, credential: Credential, host: &str) -> Result<Arc<Session>, NoRandomness> {
        let now = Instant::now();
        let session = Arc::new(Session {
            id: Secret::random()?,
            csrf: Secret::random()?,
            credential,
            host: host.to_owned(),
            ends: now + LIFETIME,
            state: Mutex::new(State {
                last_seen: now,
                notice: None,
            }),
        });
        let mut by_id = self.by_id();
        if by_id.len() >= MAX_SESSIONS {
            make_room(&mut by_id, now);
        }
        by_id.insert(session.id.expose().to_owned(), session.clone());
        Ok(session)
    }

    /// The session of a cookie, which is used now.
    pub fn find(&self, id: &str) -> Option<Arc<Session>> {
        let now = Instant::now();
        let session = self.by_id().get(id)?.clone();
        if session.is_over(now) {
            self.end(&session);
            return None;
        }
        session.state().last_seen = now;
        Some(session)
    }

    /// Signed out, or of no use any more.
    pub fn end(&self, session: &Session) {
        self.by_id().remove(session.id.expose());
    }

    fn by_id(&self) -> MutexGuard<'_, HashMap<String, Arc<Session>>> {
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn make_room(by_id: &mut HashMap<String, Arc<Session>>, now: Instant) {
    by_id.retain(|_, session| !session.is_over(now));
    if by_id.len() < MAX_SESSIONS {
        return;
    }
    let idlest = by_id
        .iter()
        .min_by_key(|(_, session)| session.state().last_seen)
        .map(|(id, _)| id.clone());
    if let Some(id) = idlest {
        by_id.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn begin(sessions: &Sessions) -> Arc<Session> {
        let credential = Credential::Operator {
            token: Secret::of("token"),
        };
        sessions.begin(credential, "localhost").unwrap()
    }

    fn is_known(sessions: &Sessions, session: &Session) -> bool {
        sessions.find(session.id.expose()).is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_ends_when_it_was_idle_for_an_hour() {
        let sessions = Sessions::default();
        let session = begin(&sessions);

        advance(IDLE - Duration::from_secs(1)).await;
        assert!(is_known(&sessions, &session));
        advance(IDLE).await;

        assert!(!is_known(&sessions, &session));
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_ends_after_eight_hours_however_busy() {
        let sessions = Sessions::default();
        let session = begin(&sessions);

        for _ in 0..16 {
            assert!(is_known(&sessions, &session));
            advance(IDLE / 2).await;
        }

        assert!(!is_known(&sessions, &session));
    }

    #[tokio::test(start_paused = true)]
    async fn who_signs_out_is_forgotten_at_once() {
        let sessions = Sessions::default();
        let (session, other) = (begin(&sessions), begin(&sessions));

        sessions.end(&session);

        assert!(!is_known(&sessions, &session));
        assert!(is_known(&sessions, &other));
    }

    #[tokio::test(start_paused = true)]
    async fn the_idlest_session_makes_room() {
        let sessions = Sessions::default();
        let idlest = begin(&sessions);
        advance(Duration::from_secs(1)).await;
        for _ in 1..MAX_SESSIONS {
            begin(&sessions);
        }

        let last = begin(&sessions);

        assert!(!is_known(&sessions, &idlest));
        assert!(is_known(&sessions, &last));
        assert_eq!(sessions.by_id().len(), MAX_SESSIONS);
    }

    #[tokio::test(start_paused = true)]
    async fn a_notice_is_told_once() {
        let session = begin(&Sessions::default());

        session.tell(Notice::done("saved"));

        assert_eq!(session.told(), Some(Notice::done("saved")));
        assert_eq!(session.told(), None);
    }
}
