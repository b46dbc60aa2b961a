//! Callers, and the permits that they are given.

use std::sync::Arc;

use super::{AuthKind, AuthMethod, AuthScope, CertificateProof, Credential};
use crate::hubs::Hub;
use crate::ids::{DeviceId, IdentityId};
use crate::policies::{PolicyName, Rights};
use crate::ports::Sponsor;
use crate::time::Timestamp;

/// The caller is known, but may not do this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the caller does not have the right {}", either(*.needed))]
pub struct MissingRight {
    /// The right that is needed; of several, each would do.
    pub needed: Rights,
}

fn either(needed: Rights) -> String {
    needed.to_string().replace(", ", " or ")
}

/// Somebody who proved who they are.
#[derive(Debug, Clone)]
pub struct Caller {
    hub: Arc<Hub>,
    credential: Credential,
    rights: Rights,
    expires: Timestamp,
}

impl Caller {
    pub(super) fn new(
        hub: Arc<Hub>,
        credential: Credential,
        rights: Rights,
        expires: Timestamp,
    ) -> Self {
        Caller {
            hub,
            credential,
            rights,
            expires,
        }
    }

    /// What let it in.
    pub(super) fn credential(&self) -> &Credential {
        &self.credential
    }

    /// The policy whose key it showed, unless it is a device or module.
    pub fn policy(&self) -> Option<&PolicyName> {
        match &self.credential {
            Credential::Policy { name, .. } => Some(name),
            Credential::Identity { .. } | Credential::Certificate { .. } => None,
        }
    }

    /// Whom it is let in to.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// What it may do.
    pub fn rights(&self) -> Rights {
        self.rights
    }

    /// May see how the hub stands: whoever reads identities or is a back end.
    pub fn status(&self) -> Result<StatusPermit, MissingRight> {
        let either = Rights::REGISTRY_READ | Rights::SERVICE_CONNECT;
        if either.iter().any(|right| self.rights.allow(right)) {
            return Ok(StatusPermit {
                hub: self.hub.clone(),
            });
        }
        Err(MissingRight { needed: either })
    }

    /// May read all identities.
    pub fn registry_read(&self) -> Result<RegistryReadPermit, MissingRight> {
        self.require(Rights::REGISTRY_READ)?;
        Ok(RegistryReadPermit {
            hub: self.hub.clone(),
        })
    }

    /// May write all identities.
    pub fn registry_write(&self) -> Result<RegistryWritePermit, MissingRight> {
        self.require(Rights::REGISTRY_WRITE)?;
        Ok(RegistryWritePermit {
            hub: self.hub.clone(),
        })
    }

    /// May read the modules of a device; a device may read its own.
    pub fn modules_read(&self, device: &DeviceId) -> Result<ModulesReadPermit, MissingRight> {
        if !self.is_device(device) {
            self.require(Rights::REGISTRY_READ)?;
        }
        Ok(ModulesReadPermit {
            hub: self.hub.clone(),
            device: device.clone(),
        })
    }

    /// May write the modules of a device; a device may write its own.
    pub fn modules_write(&self, device: &DeviceId) -> Result<ModulesWritePermit, MissingRight> {
        let by_own_device = self.is_device(device);
        if !by_own_device {
            self.require(Rights::REGISTRY_WRITE)?;
        }
        Ok(ModulesWritePermit {
            hub: self.hub.clone(),
            device: device.clone(),
            by_own_device,
        })
    }

    /// May do what back ends do.
    pub fn service(&self) -> Result<ServicePermit, MissingRight> {
        self.require(Rights::SERVICE_CONNECT)?;
        Ok(ServicePermit {
            hub: self.hub.clone(),
            expires: self.expires,
            credential: self.credential.clone(),
        })
    }

    /// May act as an identity: by a policy, by its own key, or by the key of
    /// the device it belongs to.
    pub(super) fn device(
        &self,
        id: &IdentityId,
        generation: Timestamp,
    ) -> Result<DevicePermit, MissingRight> {
        let own = match &self.credential {
            Credential::Policy { .. } => false,
            Credential::Identity { id: signer, .. }
            | Credential::Certificate { id: signer, .. } => {
                signer == id || *signer == IdentityId::Device(id.device_id().clone())
            }
        };
        if !own {
            self.require(Rights::DEVICE_CONNECT)?;
        }
        Ok(DevicePermit {
            hub: self.hub.clone(),
            id: id.clone(),
            generation,
            expires: self.expires,
            credential: self.credential.clone(),
        })
    }

    /// The generation of the identity, if it was itself that proved who it is.
    pub(super) fn own_generation(&self, id: &IdentityId) -> Option<Timestamp> {
        match &self.credential {
            Credential::Identity {
                id: own,
                generation,
                ..
            }
            | Credential::Certificate {
                id: own,
                generation,
                ..
            } if own == id => Some(*generation),
            _ => None,
        }
    }

    fn is_device(&self, device: &DeviceId) -> bool {
        matches!(
            &self.credential,
            Credential::Identity { id: IdentityId::Device(own), .. }
            | Credential::Certificate { id: IdentityId::Device(own), .. } if own == device
        )
    }

    fn require(&self, needed: Rights) -> Result<(), MissingRight> {
        if self.rights.allow(needed) {
            Ok(())
        } else {
            Err(MissingRight { needed })
        }
    }
}

macro_rules! hub_permit {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name {
            hub: Arc<Hub>,
            $($field: $type),*
        }

        impl $name {
            /// The hub it is for.
            pub fn hub(&self) -> &Arc<Hub> {
                &self.hub
            }
        }
    };
}

hub_permit!(
    /// Permission to see how the hub stands: figures, of nobody in particular.
    StatusPermit {}
);
hub_permit!(
    /// Permission to read all identities.
    RegistryReadPermit {}
);
hub_permit!(
    /// Permission to write all identities.
    RegistryWritePermit {}
);
hub_permit!(
    /// Permission to read the modules of one device.
    ModulesReadPermit { device: DeviceId }
);
hub_permit!(
    /// Permission to write the modules of one device.
    ModulesWritePermit {
        device: DeviceId,
        by_own_device: bool
    }
);
hub_permit!(
    /// Permission to do what back ends do, until it expires or is revoked.
    ServicePermit {
        expires: Timestamp,
        credential: Credential
    }
);
hub_permit!(
    /// Permission to act as one identity, until it expires or is revoked.
    DevicePermit {
        id: IdentityId,
        generation: Timestamp,
        expires: Timestamp,
        credential: Credential
    }
);

impl RegistryWritePermit {
    /// Who may write all identities may write any device's modules.
    pub fn modules_of(&self, device: &DeviceId) -> ModulesWritePermit {
        ModulesWritePermit {
            hub: self.hub.clone(),
            device: device.clone(),
            by_own_device: false,
        }
    }

    /// The same for an import, which puts back what devices have written of
    /// their system modules.
    pub(crate) fn imported_modules_of(&self, device: &DeviceId) -> ModulesWritePermit {
        ModulesWritePermit {
            by_own_device: true,
            ..self.modules_of(device)
        }
    }
}

impl ModulesReadPermit {
    /// Whose modules.
    pub fn device(&self) -> &DeviceId {
        &self.device
    }
}

impl ModulesWritePermit {
    /// Whose modules.
    pub fn device(&self) -> &DeviceId {
        &self.device
    }

    /// Whether the device itself asks, with its own key.
    pub fn by_own_device(&self) -> bool {
        self.by_own_device
    }
}

impl ServicePermit {
    /// When the permission ends.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// What let it in, to be checked again.
    pub(super) fn credential(&self) -> &Credential {
        &self.credential
    }
}

impl DevicePermit {
    /// Who may be acted as.
    pub fn id(&self) -> &IdentityId {
        &self.id
    }

    /// Which of its namesakes.
    pub fn generation(&self) -> Timestamp {
        self.generation
    }

    /// When the permission ends.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// Who vouched for it, beside its identity.
    pub fn sponsor(&self) -> Option<Sponsor> {
        match &self.credential {
            Credential::Policy { name, .. } => Some(Sponsor::Policy(name.clone())),
            Credential::Certificate {
                proof: CertificateProof::Authority(name, _),
                ..
            } => Some(Sponsor::Authority(name.clone())),
            Credential::Identity { .. } | Credential::Certificate { .. } => None,
        }
    }

    /// How the identity proved who it is.
    pub fn auth_method(&self) -> AuthMethod {
        let scope_of = |id: &IdentityId| match id {
            IdentityId::Device(_) => AuthScope::Device,
            IdentityId::Module { .. } => AuthScope::Module,
        };
        let (scope, kind) = match &self.credential {
            Credential::Policy { .. } => (AuthScope::Hub, AuthKind::Sas),
            Credential::Identity { id, .. } => (scope_of(id), AuthKind::Sas),
            Credential::Certificate { id, proof, .. } => match proof {
                CertificateProof::Thumbprint(_) => (scope_of(id), AuthKind::X509Thumbprint),
                CertificateProof::Authority(..) => (scope_of(id), AuthKind::X509Ca),
            },
        };
        AuthMethod { scope, kind }
    }

    /// What let it in, to be checked again.
    pub(super) fn credential(&self) -> &Credential {
        &self.credential
    }
}

/// Permission to manage the hubs of this process.
#[derive(Debug)]
pub struct OperatorPermit(());

impl OperatorPermit {
    pub(super) fn new() -> Self {
        OperatorPermit(())
    }

    /// Who manages a hub may read its identities.
    pub fn registry_read(&self, hub: Arc<Hub>) -> RegistryReadPermit {
        RegistryReadPermit { hub }
    }

    /// Who manages a hub may write its identities.
    pub fn registry_write(&self, hub: Arc<Hub>) -> RegistryWritePermit {
        RegistryWritePermit { hub }
    }
}
