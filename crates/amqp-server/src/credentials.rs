//! What a connection has proved so far.
//!
//! Tokens come over `$cbs` or with SASL PLAIN and are kept by what they were
//! signed for; a newer one for the same replaces the older. What they open is
//! asked anew at each attach, and by whoever holds a permit that ends: there
//! is no permit here that outlives its token.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use twinhub_core::access::{
    Access, ClientCertificate, DevicePermit, Proof, Refused, ServicePermit, TokenFacts,
};
use twinhub_core::hubs::{Hub, Hubs};
use twinhub_core::ids::IdentityId;
use twinhub_core::time::{Clock, Timestamp};

use self::tokens::{Full, Token, Tokens};
use crate::sasl::Username;

mod tokens;

/// What a connection has proved so far. Cheap to clone.
#[derive(Clone)]
pub struct Credentials {
    shared: Arc<Shared>,
}

struct Shared {
    hubs: Arc<Hubs>,
    access: Arc<Access>,
    clock: Arc<dyn Clock>,
    certificate: Option<Arc<ClientCertificate>>,
    max_tokens: usize,
    kept: Mutex<Kept>,
    /// Counts tokens that were put, and puts that have been decided.
    changes: watch::Sender<u64>,
}

#[derive(Default)]
struct Kept {
    /// The hub that the connection is for: by the host that it named, or else
    /// by its first token.
    hub: Option<Arc<Hub>>,
    tokens: Tokens,
    /// Tokens that are being looked at.
    undecided: usize,
    /// The certificate has let somebody in.
    certificate_counts: bool,
    /// Tokens can be put on `$cbs`, and not only one with SASL.
    renewable: bool,
}

/// Why a token was not kept.
#[derive(Debug, thiserror::Error)]
pub enum NotKept {
    /// It opens nothing.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The connection has as many as it may.
    #[error("this connection has too many tokens; open another one")]
    TooMany,
    /// It came with another name than it was signed for.
    #[error("the token is not the one of the user name")]
    OtherName,
    /// It is for another hub than the connection.
    #[error("the token is for another hub than this connection")]
    OtherHub,
}

/// A token that is being looked at: attaches wait for it.
struct Undecided<'a>(&'a Shared);

impl<'a> Undecided<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.kept().undecided += 1;
        Undecided(shared)
    }
}

impl Drop for Undecided<'_> {
    fn drop(&mut self) {
        self.0.kept().undecided -= 1;
        self.0.changes.send_modify(|changes| *changes += 1);
    }
}

impl Shared {
    fn certificate_counted(&self) {
        let counted = std::mem::replace(&mut self.kept().certificate_counts, true);
        if !counted {
            self.changes.send_modify(|changes| *changes += 1);
        }
    }

    fn covering(&self, path: &[&str]) -> Vec<Token> {
        self.kept().tokens.covering(path)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Credentials {
    pub(crate) fn new(
        hubs: Arc<Hubs>,
        access: Arc<Access>,
        clock: Arc<dyn Clock>,
        certificate: Option<Arc<ClientCertificate>>,
        max_tokens: usize,
    ) -> Self {
        Credentials {
            shared: Arc::new(Shared {
                hubs,
                access,
                clock,
                certificate,
                max_tokens,
                kept: Mutex::default(),
                changes: watch::Sender::new(0),
            }),
        }
    }

    /// Lets the peer act as an identity, by whichever of its proofs opens the
    /// most closely fitting door: a token for the module, for its device, for
    /// the hub, or else the certificate. Waits for tokens that are being
    /// looked at.
    pub async fn device(&self, id: &IdentityId) -> Result<DevicePermit, Refused> {
        self.decided().await;
        let path = path_of(id);
        let access = &self.shared.access;
        let hub = self.hub();
        // Unless a token gets nearer to it.
        let mut last = Refused::OutOfScope;
        if let Some(hub) = &hub {
            for token in self.shared.covering(&path) {
                match access.connect(hub, Proof::Token(&token.text), id).await {
                    Ok(permit) => return Ok(permit),
                    Err(refused) => last = refused,
                }
            }
            if let Some(certificate) = &self.shared.certificate {
                let proof = Proof::Certificate(certificate);
                let permit = access.connect(hub, proof, id).await?;
                self.shared.certificate_counted();
                return Ok(permit);
            }
        }
        Err(last)
    }

    /// Lets the peer do what back ends do, below `messages`.
    pub async fn service(&self) -> Result<ServicePermit, Refused> {
        self.service_for(&["messages"]).await
    }

    /// Lets the peer do what back ends do, below a path such as
    /// `["messages", "devicebound"]` or
    /// `[entity, "consumergroups", group, "partitions", "0"]`; case does not
    /// matter. Waits for tokens that are being looked at.
    pub async fn service_for(&self, path: &[&str]) -> Result<ServicePermit, Refused> {
        self.decided().await;
        let mut last = Refused::OutOfScope;
        if let Some(hub) = self.hub() {
            for token in self.shared.covering(path) {
                match self.shared.access.serve(&hub, &token.text, path).await {
                    Ok(permit) => return Ok(permit),
                    Err(refused) => last = refused,
                }
            }
        }
        Err(last)
    }

    /// Whether the policy behind a permit would give it now; its expiry apart.
    pub(crate) fn still_good(&self, permit: &ServicePermit) -> bool {
        self.shared.access.service_still_holds(permit)
    }

    /// Resolves once a token was put or renewed after this call. A permit
    /// need not watch it: once it has expired, asking again gives the permit
    /// of the newest token.
    pub fn changed(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut changes = self.shared.changes.subscribe();
        async move {
            if changes.changed().await.is_err() {
                std::future::pending().await
            }
        }
    }

    /// The hub that the connection is for, once that is known.
    pub fn hub(&self) -> Option<Arc<Hub>> {
        // Policies may have changed since.
        let hub = self.shared.kept().hub.clone()?;
        self.shared.hubs.by_name(hub.name().as_str())
    }

    /// The certificate whose key the peer holds, if it has shown one.
    pub fn certificate(&self) -> Option<&Arc<ClientCertificate>> {
        self.shared.certificate.as_ref()
    }

    /// Whether the connection's hub answers to a host.
    pub(crate) fn serves(&self, host: &str) -> bool {
        match self.hub() {
            Some(hub) => hub.answers_to(host),
            None => self.shared.hubs.by_host(host).is_some(),
        }
    }

    /// The peer named the host that it means.
    pub(crate) fn named_host(&self, host: &str) {
        let host = host.rsplit_once(':').map_or(host, |(name, port)| {
            match port.bytes().all(|byte| byte.is_ascii_digit()) {
                true => name,
                false => host,
            }
        });
        let hub = self.shared.hubs.by_host(host);
        let mut kept = self.shared.kept();
        if kept.hub.is_none() {
            kept.hub = hub;
        }
    }

    /// Checks a token and keeps it.
    pub(crate) async fn put(&self, text: &str) -> Result<TokenFacts, NotKept> {
        let _undecided = Undecided::new(&self.shared);
        let facts = self.shared.access.examine(text).await?;
        self.keep(text, &facts)?;
        self.shared.kept().renewable = true;
        Ok(facts)
    }

    /// Checks a token that comes with a user name, and keeps it.
    pub(crate) async fn put_for(&self, username: &Username, text: &str) -> Result<(), NotKept> {
        let _undecided = Undecided::new(&self.shared);
        let facts = self.shared.access.examine(text).await?;
        if !username.fits(&facts) {
            return Err(NotKept::OtherName);
        }
        self.keep(text, &facts)
    }

    fn keep(&self, text: &str, facts: &TokenFacts) -> Result<(), NotKept> {
        let now = self.shared.clock.now();
        let mut kept = self.shared.kept();
        match &kept.hub {
            Some(hub) if hub.name() != facts.hub.name() => return Err(NotKept::OtherHub),
            Some(_) => {}
            None => kept.hub = Some(facts.hub.clone()),
        }
        let max = self.shared.max_tokens;
        let outcome = kept.tokens.keep(text, facts, max, now);
        outcome.map_err(|Full| NotKept::TooMany)
    }

    /// Whether the peer has shown a credential that counts: a token that was
    /// good when it came, or a certificate that has let somebody in.
    pub fn count(&self) -> bool {
        let kept = self.shared.kept();
        !kept.tokens.is_empty() || kept.certificate_counts
    }

    /// Whether the certificate has let somebody in.
    pub(crate) fn certificate_counts(&self) -> bool {
        self.shared.kept().certificate_counts
    }

    /// Whether the peer can put tokens, and does.
    pub(crate) fn may_be_renewed(&self) -> bool {
        self.shared.kept().renewable
    }

    /// Differs whenever something has changed.
    pub(crate) fn version(&self) -> u64 {
        *self.shared.changes.borrow()
    }

    /// Whether the peer has nothing to show, not even a token that is being
    /// looked at.
    pub(crate) fn is_empty(&self) -> bool {
        let kept = self.shared.kept();
        kept.tokens.is_empty() && kept.undecided == 0 && self.shared.certificate.is_none()
    }

    /// When the last token ends; nothing without tokens.
    pub(crate) fn last_expiry(&self) -> Option<Timestamp> {
        self.shared.kept().tokens.last_expiry()
    }

    /// Waits until every token that has come was looked at.
    async fn decided(&self) {
        let mut changes = self.shared.changes.subscribe();
        while self.shared.kept().undecided > 0 {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }
}

fn path_of(id: &IdentityId) -> Vec<&str> {
    let device = id.device_id().as_str();
    match id.module_id() {
        None => vec!["devices", device],
        Some(module) => vec!["devices", device, "modules", module.as_str()],
    }
}
