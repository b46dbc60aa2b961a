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
use crate::turns::Turns;

/// How long somebody stays signed in, at most.
const LIFETIME: Duration = Duration::from_secs(8 * 3600);
/// How long somebody stays signed in who does nothing.
const IDLE: Duration = Duration::from_secs(3600);
/// How many sessions there may be; the one that was idle longest makes room.
const MAX_SESSIONS: usize = 1000;
/// How many of them may be of one policy, or of the operator: who has the key of
/// a policy can't sign others out.
const MAX_OF_ONE: usize = 100;

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

impl Credential {
    /// Whether both are of the same policy, or of the operator.
    fn is_of(&self, other: &Credential) -> bool {
        match (self, other) {
            (Credential::Policy { name: one, .. }, Credential::Policy { name: other, .. }) => {
                one.eq_ignore_ascii_case(other)
            }
            (Credential::Operator { .. }, Credential::Operator { .. }) => true,
            (Credential::Policy { .. }, Credential::Operator { .. })
            | (Credential::Operator { .. }, Credential::Policy { .. }) => false,
        }
    }
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
    /// How much it may ask at once.
    pub turns: Turns,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    last_seen: Instant,
    notice: Option<Notice>,
}

impl Session {
    /// A session that nobody has entered yet.
    pub fn new(credential: Credential, host: &str) -> Result<Arc<Self>, NoRandomness> {
        let now = Instant::now();
        Ok(Arc::new(Session {
            id: Secret::random()?,
            csrf: Secret::random()?,
            credential,
            host: host.to_owned(),
            ends: now + LIFETIME,
            turns: Turns::of_one(),
            state: Mutex::new(State {
                last_seen: now,
                notice: None,
            }),
        }))
    }

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
    /// Somebody has signed in: their credential counts.
    pub fn enter(&self, session: Arc<Session>) {
        let now = Instant::now();
        let mut by_id = self.by_id();
        by_id.retain(|_, session| !session.is_over(now));
        let of_the_same = |other: &Session| other.credential.is_of(&session.credential);
        if by_id.values().filter(|other| of_the_same(other)).count() >= MAX_OF_ONE {
            remove_idlest(&mut by_id, of_the_same);
        }
        if by_id.len() >= MAX_SESSIONS {
            remove_idlest(&mut by_id, |_| true);
        }
        by_id.insert(session.id.expose().to_owned(), session);
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

fn remove_idlest(by_id: &mut HashMap<String, Arc<Session>>, among: impl Fn(&Session) -> bool) {
    let idlest = by_id
        .iter()
        .filter(|(_, session)| among(session))
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
        begin_with(sessions, "service")
    }

    fn begin_with(sessions: &Sessions, policy: &str) -> Arc<Session> {
        let credential = Credential::Policy {
            name: policy.to_owned(),
            key: Secret::of("key"),
        };
        let session = Session::new(credential, "localhost").unwrap();
        sessions.enter(session.clone());
        session
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
        let idlest = begin_with(&sessions, "first");
        advance(Duration::from_secs(1)).await;
        for number in 1..MAX_SESSIONS {
            begin_with(&sessions, &format!("policy-{}", number / MAX_OF_ONE));
        }

        let last = begin_with(&sessions, "last");

        assert!(!is_known(&sessions, &idlest));
        assert!(is_known(&sessions, &last));
        assert_eq!(sessions.by_id().len(), MAX_SESSIONS);
    }

    #[tokio::test(start_paused = true)]
    async fn a_policy_with_many_sessions_signs_out_its_own() {
        let sessions = Sessions::default();
        let other = begin_with(&sessions, "iothubowner");
        let idlest = begin(&sessions);
        advance(Duration::from_secs(1)).await;

        for _ in 0..2 * MAX_OF_ONE {
            begin(&sessions);
        }

        assert!(is_known(&sessions, &other));
        assert!(!is_known(&sessions, &idlest));
        assert_eq!(sessions.by_id().len(), MAX_OF_ONE + 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_notice_is_told_once() {
        let session = begin(&Sessions::default());

        session.tell(Notice::done("saved"));

        assert_eq!(session.told(), Some(Notice::done("saved")));
        assert_eq!(session.told(), None);
    }
}
