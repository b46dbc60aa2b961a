//! Who may do what.
//!
//! Authentication turns a [`Proof`] into a [`Caller`]; asking the caller for a
//! right yields a permit; the operations of core ask for the permit. Permits
//! can be made nowhere else, so what was not authorised can't be called.
//!
//! A live session keeps its [`DevicePermit`] and has it checked again when
//! the hub announces a change: see [`Access::still_holds`].

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use subtle::ConstantTimeEq as _;
use twinhub_sas::{ParseTokenError, ResourceError, SasToken, SigningKey};
use twinhub_x509::Thumbprint;

use crate::certificates::CertificateName;
use crate::hubs::{Hub, Hubs};
use crate::identities::{Authentication, Status};
use crate::ids::{DeviceId, IdentityId, ModuleId};
use crate::keys::{Key, KeyPair};
use crate::policies::{PolicyName, Rights};
use crate::ports::{StateStore, StoreError};
use crate::time::{Clock, Timestamp};

pub use self::auth_method::{AuthKind, AuthMethod, AuthScope};
pub use self::certificate::CertificateRefused;
pub use self::permits::{
    Caller, DevicePermit, MissingRight, ModulesReadPermit, ModulesWritePermit, OperatorPermit,
    RegistryReadPermit, RegistryWritePermit, ServicePermit, StatusPermit,
};
pub use self::proof::{ClientCertificate, Peer, Proof};
pub use self::tokens::TokenFacts;

mod auth_method;
mod certificate;
mod permits;
mod proof;
mod tokens;

/// Why what a client shows opens no door.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Not a token.
    #[error("the token is malformed: {0}")]
    Malformed(#[from] ParseTokenError),
    /// A token for something that is not a resource.
    #[error("the token's resource is malformed: {0}")]
    Resource(#[from] ResourceError),
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Signed for something else.
    #[error("the token's resource does not cover what was asked for")]
    OutOfScope,
    /// No such policy or identity, or signed with another key. Which of these
    /// it was is not told.
    #[error("the token was not signed with a key of its policy or identity")]
    Signature,
    /// No such identity, as is told to who may act as it if there were one.
    #[error("{0} is not registered")]
    NotRegistered(IdentityId),
    /// A token where there are no keys, or a certificate where there are.
    #[error("the identity does not prove itself in this way")]
    OtherProof,
    /// A certificate that does not count for the identity.
    #[error(transparent)]
    Certificate(#[from] CertificateRefused),
    /// The device may not connect.
    #[error("the device is disabled")]
    Disabled,
    /// Known, but without the right.
    #[error(transparent)]
    MissingRight(#[from] MissingRight),
    /// It could not be looked up.
    #[error("could not read the identity")]
    Store(#[from] StoreError),
}

/// Authentication and authorization.
pub struct Access {
    hubs: Arc<Hubs>,
    store: Arc<dyn StateStore>,
    clock: Arc<dyn Clock>,
    clock_skew: Duration,
    operator_token: RwLock<String>,
}

/// What let a caller in, kept to be checked again.
#[derive(Debug, Clone, PartialEq)]
enum Credential {
    Policy {
        name: PolicyName,
        key: Key,
    },
    Identity {
        id: IdentityId,
        generation: Timestamp,
        key: Key,
    },
    Certificate {
        id: IdentityId,
        generation: Timestamp,
        proof: CertificateProof,
    },
}

/// What made a certificate count.
#[derive(Debug, Clone, PartialEq)]
enum CertificateProof {
    /// Its thumbprint. Boxed, since most sessions have none.
    Thumbprint(Box<Thumbprint>),
    /// The authority that stands behind it, and that one's thumbprint.
    Authority(CertificateName, Box<Thumbprint>),
}

impl Access {
    /// Access to `hubs`; a token counts for `clock_skew` beyond its expiry.
    pub fn new(
        hubs: Arc<Hubs>,
        store: Arc<dyn StateStore>,
        clock: Arc<dyn Clock>,
        clock_skew: Duration,
        operator_token: String,
    ) -> Self {
        Access {
            hubs,
            store,
            clock,
            clock_skew,
            operator_token: RwLock::new(operator_token),
        }
    }

    /// Replaces the operator token.
    pub fn set_operator_token(&self, token: String) {
        *self
            .operator_token
            .write()
            .unwrap_or_else(PoisonError::into_inner) = token;
    }

    /// Checks the operator token, in constant time.
    pub fn operator(&self, token: &str) -> Option<OperatorPermit> {
        let expected = self
            .operator_token
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let equal: bool = expected.as_bytes().ct_eq(token.as_bytes()).into();
        (equal && !expected.is_empty()).then(OperatorPermit::new)
    }

    /// Checks a token for a resource, given as the segments of its path below
    /// the host, such as `["devices", "pump-7"]`.
    pub async fn admit(
        &self,
        hub: &Arc<Hub>,
        token: &str,
        path: &[&str],
    ) -> Result<Caller, Refused> {
        let read = self.read_token(token)?;
        let resource = &read.resource;
        if !hub.answers_to(resource.host()) || !resource.covers(resource.host(), path) {
            return Err(Refused::OutOfScope);
        }
        self.caller(hub, &read).await
    }

    /// Lets a device or module connect.
    pub async fn connect(
        &self,
        hub: &Arc<Hub>,
        proof: Proof<'_>,
        id: &IdentityId,
    ) -> Result<DevicePermit, Refused> {
        match proof {
            Proof::Token(token) => self.connect_by_token(hub, token, id).await,
            Proof::Certificate(certificate) => {
                self.connect_by_certificate(hub, certificate, id).await
            }
        }
    }

    async fn connect_by_token(
        &self,
        hub: &Arc<Hub>,
        token: &str,
        id: &IdentityId,
    ) -> Result<DevicePermit, Refused> {
        let device = id.device_id().as_str();
        let caller = match id.module_id() {
            None => self.admit(hub, token, &["devices", device]).await?,
            Some(module) => {
                let path = ["devices", device, "modules", module.as_str()];
                self.admit(hub, token, &path).await?
            }
        };
        // An identity's own key was looked up, and its status, just now.
        let generation = match caller.own_generation(id) {
            Some(generation) => generation,
            None => match self.require_enabled(hub, id).await {
                Ok(generation) => generation,
                Err(Refused::Signature) if caller.device(id, Timestamp::NEVER).is_ok() => {
                    return Err(Refused::NotRegistered(id.clone()));
                }
                Err(refused) => return Err(refused),
            },
        };
        Ok(caller.device(id, generation)?)
    }

    /// Whether what let a session in would let it in now; its expiry apart.
    pub async fn still_holds(&self, permit: &DevicePermit) -> Result<(), Refused> {
        let hub = self
            .hubs
            .by_name(permit.hub().name().as_str())
            .ok_or(Refused::Signature)?;
        let generation = self.require_enabled(&hub, permit.id()).await?;
        if generation != permit.generation() {
            return Err(Refused::Signature);
        }
        let holds = match permit.credential() {
            // From the store: the announcement of a change comes before the
            // change is in memory.
            Credential::Policy { name, key } => {
                let policies = self.store.policies(hub.name()).await?;
                policies.iter().map(|stored| &stored.value).any(|policy| {
                    policy.name == *name
                        && policy.rights.allow(Rights::DEVICE_CONNECT)
                        && has_key(&policy.keys, key)
                })
            }
            Credential::Identity {
                id,
                generation,
                key,
            } => {
                let found = self.look_up(&hub, id).await?;
                found.generation == *generation && has_key(found.keys()?, key)
            }
            Credential::Certificate {
                id,
                generation,
                proof,
            } => {
                let found = self.look_up(&hub, id).await?;
                found.generation == *generation
                    && self
                        .still_proves(&hub, &found.authentication, proof)
                        .await?
            }
        };
        match (holds, permit.credential()) {
            (true, _) => Ok(()),
            (false, Credential::Certificate { .. }) => Err(CertificateRefused::Withdrawn.into()),
            (false, Credential::Policy { .. } | Credential::Identity { .. }) => {
                Err(Refused::Signature)
            }
        }
    }

    /// Whether the policy that gave a permission would give it now; its
    /// expiry apart. Cheap: for what goes on for long.
    pub fn service_still_holds(&self, permit: &ServicePermit) -> bool {
        let Credential::Policy { name, key } = permit.credential() else {
            return false;
        };
        let hub = self.hubs.by_name(permit.hub().name().as_str());
        let policy = hub.as_deref().and_then(|hub| hub.policy(name.as_str()));
        policy.is_some_and(|policy| {
            policy.rights.allow(Rights::SERVICE_CONNECT) && has_key(&policy.keys, key)
        })
    }

    async fn credential(
        &self,
        hub: &Hub,
        token: &SasToken<'_>,
        signed_for: &[&str],
    ) -> Result<Credential, Refused> {
        if let Some(policy) = token.policy_name().and_then(|name| hub.policy(name))
            && let Some(key) = signing_key(token, &policy.keys)
        {
            return Ok(Credential::Policy {
                name: policy.name.clone(),
                key,
            });
        }
        // The C SDK names the device where others name the policy.
        let id = identity_of(signed_for).ok_or(Refused::Signature)?;
        if let Some(name) = token.policy_name()
            && name != id.device_id().as_str()
        {
            return Err(Refused::Signature);
        }
        let found = self.look_up(hub, &id).await?;
        let key = signing_key(token, found.keys()?).ok_or(Refused::Signature)?;
        found.require_enabled()?;
        let generation = found.generation;
        Ok(Credential::Identity {
            id,
            generation,
            key,
        })
    }

    /// What stands between an identity and a connection.
    async fn look_up(&self, hub: &Hub, id: &IdentityId) -> Result<Found, Refused> {
        match id {
            IdentityId::Device(device) => {
                let found = self.store.device(hub.name(), device).await?;
                let device = found.ok_or(Refused::Signature)?.identity.value;
                Ok(Found {
                    authentication: device.authentication,
                    generation: device.generation,
                    status: device.status,
                })
            }
            // Modules have no status of their own.
            IdentityId::Module { device, module } => {
                let found = self.store.module(hub.name(), device, module).await?;
                let (Some(device), Some(module)) = found else {
                    return Err(Refused::Signature);
                };
                let module = module.identity.value;
                Ok(Found {
                    authentication: module.authentication,
                    generation: module.generation,
                    status: device.identity.value.status,
                })
            }
        }
    }

    /// The identity exists and its device may connect; tells its generation.
    async fn require_enabled(&self, hub: &Hub, id: &IdentityId) -> Result<Timestamp, Refused> {
        let found = self.look_up(hub, id).await?;
        found.require_enabled()?;
        Ok(found.generation)
    }
}

/// What an identity proves itself with, and whether it may connect.
struct Found {
    authentication: Authentication,
    generation: Timestamp,
    status: Status,
}

impl Found {
    fn require_enabled(&self) -> Result<(), Refused> {
        match self.status {
            Status::Enabled => Ok(()),
            Status::Disabled => Err(Refused::Disabled),
        }
    }

    fn keys(&self) -> Result<&KeyPair, Refused> {
        self.authentication.keys().ok_or(Refused::OtherProof)
    }
}

/// The key of a pair that signed a token.
fn signing_key(token: &SasToken<'_>, keys: &KeyPair) -> Option<Key> {
    let signed_with = |key: &&Key| {
        // Hub clients sign with the decoded key, Event Hubs clients with the
        // key's text.
        let decoded = SigningKey::from_base64(key.expose());
        let text = SigningKey::from_text(key.expose());
        decoded.is_ok_and(|key| token.verify(&key)) || text.is_ok_and(|key| token.verify(&key))
    };
    keys.both().into_iter().find(signed_with).cloned()
}

fn has_key(keys: &KeyPair, key: &Key) -> bool {
    keys.both()
        .into_iter()
        .any(|held| bool::from(held.expose().as_bytes().ct_eq(key.expose().as_bytes())))
}

/// Whose key signed for `devices/{d}[/modules/{m}][/...]`.
fn identity_of(signed_for: &[&str]) -> Option<IdentityId> {
    let ["devices", device, rest @ ..] = signed_for else {
        return None;
    };
    let device = DeviceId::parse(device).ok()?;
    match rest {
        ["modules", module, ..] => Some(IdentityId::module(device, ModuleId::parse(module).ok()?)),
        _ => Some(device.into()),
    }
}
