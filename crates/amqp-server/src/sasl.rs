//! What peers prove while they introduce themselves.
//!
//! Most say nothing here, and put tokens on `$cbs` later; `MSSBCBS` says just
//! that. PLAIN brings a token along with a name for its holder.

use std::fmt;

use futures_util::future::BoxFuture;
use twinhub_amqp_engine::value::Symbol;
use twinhub_core::access::TokenFacts;

use crate::credentials::Credentials;

const MSSBCBS: Symbol = Symbol::from_static("MSSBCBS");
const PLAIN: Symbol = Symbol::from_static("PLAIN");
const ANONYMOUS: Symbol = Symbol::from_static("ANONYMOUS");
const EXTERNAL: Symbol = Symbol::from_static("EXTERNAL");

/// What a peer is offered. EXTERNAL only if it has shown a certificate: some
/// clients take whatever comes first.
pub(crate) fn mechanisms(credentials: &Credentials) -> Vec<Symbol> {
    let mut offer = vec![MSSBCBS, PLAIN, ANONYMOUS];
    if credentials.certificate().is_some() {
        offer.push(EXTERNAL);
    }
    offer
}

/// What is thought of an introduction.
pub(crate) enum Verdict {
    /// Whether it is good.
    Known(bool),
    /// Whether it is good takes a look at the registry.
    After(BoxFuture<'static, bool>),
}

/// Judges an introduction by a mechanism that was offered.
pub(crate) fn judge(credentials: &Credentials, mechanism: &Symbol, response: &[u8]) -> Verdict {
    if *mechanism == PLAIN {
        let Some((username, token)) = plain(response) else {
            tracing::debug!("a malformed introduction");
            return Verdict::Known(false);
        };
        let credentials = credentials.clone();
        return Verdict::After(Box::pin(async move {
            let kept = credentials.put_for(&username, &token).await;
            if let Err(refused) = &kept {
                tracing::debug!(%refused, %username, "an introduction was refused");
            }
            kept.is_ok()
        }));
    }
    let offered = *mechanism == ANONYMOUS
        || *mechanism == MSSBCBS
        || (*mechanism == EXTERNAL && credentials.certificate().is_some());
    Verdict::Known(offered)
}

/// Takes `[authzid] NUL username NUL token` apart.
fn plain(response: &[u8]) -> Option<(Username, String)> {
    let text = std::str::from_utf8(response).ok()?;
    let mut parts = text.split('\0');
    let (_acts_for, name, token) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    Some((Username::parse(name)?, token.to_owned()))
}

/// The user name of PLAIN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Username {
    holder: Holder,
    /// The first label of the hub's host name.
    hub: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Holder {
    Policy(String),
    /// The path of a device or module.
    Identity(Vec<String>),
}

impl Username {
    /// `{policy}@sas.root.{hub}`, `{device}@sas.{hub}` or
    /// `{device}/modules/{module}@sas.{hub}`, the last two also without `sas.`
    fn parse(text: &str) -> Option<Self> {
        // IDs may contain an @.
        let (name, place) = text.rsplit_once('@')?;
        if name.is_empty() {
            return None;
        }
        let (holder, hub) = match place.strip_prefix("sas.root.") {
            Some(hub) => (Holder::Policy(name.to_owned()), hub),
            None => {
                let hub = place.strip_prefix("sas.").unwrap_or(place);
                (identity(name)?, hub)
            }
        };
        Some(Username {
            holder,
            hub: hub.to_owned(),
        })
    }

    /// Whether a token belongs to this name.
    pub(crate) fn fits(&self, facts: &TokenFacts) -> bool {
        let hosts = facts.hub.settings.host_names.iter();
        let is_hub = hosts
            .map(|host| first_label(host))
            .chain([facts.hub.name().as_str()])
            .any(|label| label.eq_ignore_ascii_case(first_label(&self.hub)));
        let is_holder = match &self.holder {
            Holder::Policy(name) => facts
                .policy
                .as_ref()
                .is_some_and(|policy| policy.as_str().eq_ignore_ascii_case(name)),
            Holder::Identity(path) => path.starts_with(&facts.resource),
        };
        is_hub && is_holder
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.holder {
            Holder::Policy(name) => write!(f, "policy {name}"),
            Holder::Identity(path) => f.write_str(&path.join("/")),
        }
    }
}

fn identity(name: &str) -> Option<Holder> {
    let path = match name.split('/').collect::<Vec<_>>()[..] {
        [device] => vec!["devices", device],
        [device, "modules", module] => vec!["devices", device, "modules", module],
        _ => return None,
    };
    Some(Holder::Identity(
        path.into_iter().map(str::to_owned).collect(),
    ))
}

fn first_label(host: &str) -> &str {
    host.split('.').next().unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(segments: &[&str]) -> Holder {
        Holder::Identity(segments.iter().map(|&s| s.to_owned()).collect())
    }

    #[test]
    fn every_form_of_user_name_is_known() {
        let of = |text| Username::parse(text).map(|name| (name.holder, name.hub));

        let hub = || "hub1".to_owned();
        assert_eq!(
            of("service@sas.root.hub1"),
            Some((Holder::Policy("service".to_owned()), hub()))
        );
        assert_eq!(
            of("pump@7@sas.hub1"),
            Some((path(&["devices", "pump@7"]), hub()))
        );
        assert_eq!(
            of("pump/modules/m@sas.hub1"),
            Some((path(&["devices", "pump", "modules", "m"]), hub()))
        );
        assert_eq!(of("pump@hub1"), Some((path(&["devices", "pump"]), hub())));
        assert_eq!(of("pump"), None);
        assert_eq!(of("@sas.hub1"), None);
        assert_eq!(of("pump/other/m@sas.hub1"), None);
    }

    #[test]
    fn plain_has_three_parts() {
        assert!(plain(b"\0service@sas.root.hub1\0token").is_some());
        assert!(plain(b"someone\0service@sas.root.hub1\0token").is_some());
        assert!(plain(b"service@sas.root.hub1\0token").is_none());
        assert!(plain(b"\0service@sas.root.hub1\0token\0more").is_none());
        assert!(plain(b"\0service@sas.root.hub1\0\xff").is_none());
        assert!(plain(b"").is_none());
    }
}
