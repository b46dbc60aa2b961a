//! Tokens that are shown before it is known what for.
//!
//! On most protocols a token comes with a request. On others it comes first
//! and is kept: it is checked when it comes, and again for each thing that it
//! shall open.

use std::sync::Arc;

use twinhub_sas::{ResourcePath, SasToken};

use super::{Access, Caller, Credential, Refused, ServicePermit};
use crate::hubs::Hub;
use crate::policies::{PolicyName, Rights};
use crate::time::Timestamp;

/// What a good token says.
#[derive(Debug, Clone)]
pub struct TokenFacts {
    /// The hub that it was signed for.
    pub hub: Arc<Hub>,
    /// The path below the host that it was signed for; empty for the whole hub.
    pub resource: Vec<String>,
    /// The policy whose key signed it; otherwise it was the identity's own.
    pub policy: Option<PolicyName>,
    /// When it ends.
    pub expires: Timestamp,
}

/// A token that was taken apart and has not expired. Its signature was not
/// looked at.
pub(super) struct ReadToken<'a> {
    pub(super) token: SasToken<'a>,
    pub(super) resource: ResourcePath,
    pub(super) expires: Timestamp,
}

impl Access {
    /// Checks a token by itself.
    pub async fn examine(&self, token: &str) -> Result<TokenFacts, Refused> {
        let read = self.read_token(token)?;
        let hub = self.hubs.by_host(read.resource.host());
        let hub = hub.ok_or(Refused::OutOfScope)?;
        let caller = self.caller(&hub, &read).await?;
        let policy = match caller.credential() {
            Credential::Policy { name, .. } => Some(name.clone()),
            Credential::Identity { .. } | Credential::Certificate { .. } => None,
        };
        Ok(TokenFacts {
            hub,
            resource: read.resource.segments().map(str::to_owned).collect(),
            policy,
            expires: read.expires,
        })
    }

    /// Lets a back end do what is below `path`, such as
    /// `["messages", "devicebound"]`. Case does not matter in it, as it does
    /// not matter in the names of readers' entities.
    pub async fn serve(
        &self,
        hub: &Arc<Hub>,
        token: &str,
        path: &[&str],
    ) -> Result<ServicePermit, Refused> {
        let read = self.read_token(token)?;
        let resource = &read.resource;
        if !hub.answers_to(resource.host()) || !resource.covers_ignoring_case(resource.host(), path)
        {
            return Err(Refused::OutOfScope);
        }
        Ok(self.caller(hub, &read).await?.service()?)
    }

    pub(super) fn read_token<'a>(&self, token: &'a str) -> Result<ReadToken<'a>, Refused> {
        let token = SasToken::parse(token)?;
        let expires = Timestamp::from_unix_seconds(token.expiry()).plus(self.clock_skew);
        if expires <= self.clock.now() {
            return Err(Refused::Expired);
        }
        let resource = token.resource_path()?;
        Ok(ReadToken {
            token,
            resource,
            expires,
        })
    }

    /// Who signed a token, and with which rights.
    pub(super) async fn caller(
        &self,
        hub: &Arc<Hub>,
        read: &ReadToken<'_>,
    ) -> Result<Caller, Refused> {
        let signed_for: Vec<&str> = read.resource.segments().collect();
        let credential = self.credential(hub, &read.token, &signed_for).await?;
        let rights = match &credential {
            Credential::Policy { name, .. } => hub
                .policy(name.as_str())
                .map_or(Rights::empty(), |policy| policy.rights),
            Credential::Identity { .. } | Credential::Certificate { .. } => Rights::empty(),
        };
        Ok(Caller::new(hub.clone(), credential, rights, read.expires))
    }
}
