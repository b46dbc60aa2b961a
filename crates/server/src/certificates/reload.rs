//! The certificate in use, which follows its files.

use std::{
    path::Path,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use rustls::{
    crypto::CryptoProvider,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{CertificateSource, PairError, contents::Contents, pair, provider};

const LOOK_EVERY: Duration = Duration::from_secs(2);
const RENEW_EVERY: Duration = Duration::from_secs(60 * 60);

/// Answers each handshake with the pair that was last read.
#[derive(Debug)]
pub struct ServerCertificate {
    source: CertificateSource,
    provider: Arc<CryptoProvider>,
    current: RwLock<Current>,
}

#[derive(Debug)]
struct Current {
    pair: Arc<CertifiedKey>,
    seen: Stamps,
}

/// Size and time of change of both files.
type Stamps = [Option<(u64, SystemTime)>; 2];

impl ServerCertificate {
    /// Makes what the local authority has to offer, and reads the pair.
    pub fn prepare(source: CertificateSource, now: SystemTime) -> anyhow::Result<Arc<Self>> {
        source.ensure(now)?;
        let provider = provider();
        let seen = stamps(&source);
        let pair = pair::read(&source.chain(), &source.key(), &provider)?;
        tell_trouble(&source, &pair, now);
        Ok(Arc::new(Self {
            source,
            provider,
            current: RwLock::new(Current { pair, seen }),
        }))
    }

    /// Follows the files until `shutdown`: looks every two seconds, and lets
    /// the local authority sign anew in time.
    pub async fn run(
        self: Arc<Self>,
        clock: impl Fn() -> SystemTime + Send,
        shutdown: CancellationToken,
    ) {
        let mut look = tokio::time::interval(LOOK_EVERY);
        let mut renew = tokio::time::interval_at(Instant::now() + RENEW_EVERY, RENEW_EVERY);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = look.tick() => self.reload_if_changed(),
                _ = renew.tick() => {
                    if let Err(error) = self.source.ensure(clock()) {
                        let error = format!("{error:#}");
                        tracing::error!(error, "certificate could not be signed anew, the old one stays");
                    }
                }
            }
        }
    }

    /// Reads the pair again if a file changed since it was last tried.
    ///
    /// A pair that is refused is tried again at the next change only, so that
    /// it is logged once. Between the writing of certificate and key the two
    /// don't match, which is a refusal like any other.
    pub fn reload_if_changed(&self) {
        let stamps = stamps(&self.source);
        if stamps == self.read().seen {
            return;
        }
        let outcome = self.read_pair();
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        current.seen = stamps;
        match outcome {
            Ok(pair) => {
                current.pair = pair;
                tracing::info!(file = %self.source.chain().display(), "certificate reloaded");
            }
            Err(error) => {
                let error = format!("{:#}", anyhow::Error::new(error));
                tracing::warn!(error, "new certificate can't be used, the old one stays");
            }
        }
    }

    fn read_pair(&self) -> Result<Arc<CertifiedKey>, PairError> {
        pair::read(&self.source.chain(), &self.source.key(), &self.provider)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Current> {
        self.current.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ResolvesServerCert for ServerCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.read().pair.clone())
    }
}

/// An own certificate that clients will refuse is used all the same: the
/// operator may know better, and is told.
fn tell_trouble(source: &CertificateSource, pair: &CertifiedKey, now: SystemTime) {
    let CertificateSource::Own { hostname, .. } = source else {
        return;
    };
    let contents = pair
        .end_entity_cert()
        .ok()
        .and_then(|der| Contents::read(der));
    for trouble in contents.iter().flat_map(|it| it.trouble(hostname, now)) {
        tracing::warn!(trouble, file = %source.chain().display(), "clients may refuse the certificate");
    }
}

fn stamps(source: &CertificateSource) -> Stamps {
    [source.chain(), source.key()].map(|path| stamp(&path))
}

fn stamp(path: &Path) -> Option<(u64, SystemTime)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.len(), metadata.modified().ok()?))
}
