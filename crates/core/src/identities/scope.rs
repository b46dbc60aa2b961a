//! Device scopes: which edge device stands between a device and the hub.
//!
//! <https://learn.microsoft.com/azure/iot-edge/iot-edge-as-gateway>

use super::DeviceIdentity;
use crate::ids::DeviceId;
use crate::time::Timestamp;

const PREFIX: &str = "ms-azure-iot-edge://";

/// Why a scope can't be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidScope {
    /// It does not have the form of a scope.
    #[error("{0:?} is not a device scope; use the deviceScope of an edge device")]
    Malformed(String),
    /// No such edge device in that generation.
    #[error("{0:?} is not the scope of an existing edge device")]
    NoSuchParent(String),
    /// An edge device's own scope can't be chosen.
    #[error("the deviceScope of an edge device is made by the hub and can't be changed")]
    OwnScope,
    /// More than one parent.
    #[error("a device has at most one parent scope")]
    ManyParents,
    /// Itself as parent.
    #[error("a device can't be its own parent")]
    OwnParent,
}

/// The scope of an edge device.
pub(super) fn own_scope(device: &DeviceId, generation: Timestamp) -> String {
    format!("{PREFIX}{device}-{}", generation.ticks())
}

/// The edge device that a scope names, and the generation it must have.
pub(super) fn parse(scope: &str) -> Result<(DeviceId, Timestamp), InvalidScope> {
    let malformed = || InvalidScope::Malformed(scope.to_owned());
    let (device, generation) = scope
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.rsplit_once('-'))
        .ok_or_else(malformed)?;
    let device = DeviceId::parse(device).map_err(|_| malformed())?;
    let generation = generation.parse().map_err(|_| malformed())?;
    Ok((device, Timestamp::from_ticks(generation)))
}

/// What a caller says about scopes, and what is stored of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Scopes {
    pub own: Option<String>,
    pub parents: Vec<String>,
}

/// Decides a device's scopes. An edge device names its parent in
/// `parent_scopes`; a leaf in `scope`, which is mirrored into its parents.
pub(super) fn decide(
    device: &DeviceId,
    generation: Timestamp,
    edge: bool,
    current: Option<&DeviceIdentity>,
    wanted: &Scopes,
) -> Result<Scopes, InvalidScope> {
    let own = own_scope(device, generation);
    if !edge {
        // A device that was an edge device is sent back with its own scope,
        // which goes with the capability.
        let scope = wanted.own.as_ref().filter(|scope| **scope != own);
        let parents: Vec<_> = scope.into_iter().cloned().collect();
        check_parents(device, &parents)?;
        return Ok(Scopes {
            own: scope.cloned(),
            parents,
        });
    }
    let sent_back = current.and_then(|current| current.scope.as_ref());
    if let Some(sent) = &wanted.own
        && *sent != own
        && Some(sent) != sent_back
    {
        return Err(InvalidScope::OwnScope);
    }
    check_parents(device, &wanted.parents)?;
    Ok(Scopes {
        own: Some(own),
        parents: wanted.parents.clone(),
    })
}

fn check_parents(device: &DeviceId, parents: &[String]) -> Result<(), InvalidScope> {
    let [parent] = parents else {
        return if parents.is_empty() {
            Ok(())
        } else {
            Err(InvalidScope::ManyParents)
        };
    };
    let (parent, _) = parse(parent)?;
    if parent == *device {
        return Err(InvalidScope::OwnParent);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge_scope() -> String {
        own_scope(
            &DeviceId::parse("gate-way").unwrap(),
            Timestamp::from_ticks(638_000_000_000_000_000),
        )
    }

    #[test]
    fn a_scope_is_read_back_even_if_the_id_has_hyphens() {
        let (device, generation) = parse(&edge_scope()).unwrap();

        assert_eq!(device.as_str(), "gate-way");
        assert_eq!(generation.ticks(), 638_000_000_000_000_000);
    }

    #[test]
    fn a_leaf_mirrors_its_scope_and_ignores_parents_alone() {
        let leaf = DeviceId::parse("leaf").unwrap();
        let now = Timestamp::from_ticks(1);
        let scoped = Scopes {
            own: Some(edge_scope()),
            parents: vec![],
        };
        let parents_only = Scopes {
            own: None,
            parents: vec![edge_scope()],
        };

        let with_scope = decide(&leaf, now, false, None, &scoped).unwrap();
        let without = decide(&leaf, now, false, None, &parents_only).unwrap();

        assert_eq!(with_scope.parents, vec![edge_scope()]);
        assert_eq!(without, Scopes::default());
    }

    #[test]
    fn a_device_that_loses_its_edge_capability_loses_its_own_scope() {
        let device = DeviceId::parse("gate-way").unwrap();
        let now = Timestamp::from_ticks(638_000_000_000_000_000);
        let sent_back = Scopes {
            own: Some(edge_scope()),
            parents: vec![],
        };

        let leaf = decide(&device, now, false, None, &sent_back).unwrap();

        assert_eq!(leaf, Scopes::default());
    }

    #[test]
    fn an_edge_device_cannot_choose_its_scope() {
        let edge = DeviceId::parse("edge").unwrap();
        let wanted = Scopes {
            own: Some(edge_scope()),
            parents: vec![],
        };

        let refused = decide(&edge, Timestamp::from_ticks(1), true, None, &wanted);

        assert_eq!(refused, Err(InvalidScope::OwnScope));
    }
}
