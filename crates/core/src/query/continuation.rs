//! Where the next page begins, as clients carry it about.
//!
//! A token names the last row that was shown, not a position in the database:
//! it outlives writes and restarts. It is bound to its query; what clients
//! make up can but begin elsewhere.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::groups::GroupOrder;
use crate::ids::{DeviceId, HubName, IdentityId, ModuleId};

const VERSION: u8 = 1;
const TWIN: u8 = 0;
const GROUP: u8 = 1;

/// Where the last page ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Continuation {
    /// How many rows the pages so far had.
    pub shown: u64,
    /// The last of them.
    pub last: Last,
}

/// The last row of a page.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Last {
    Twin(IdentityId),
    Group(GroupOrder),
}

impl Continuation {
    /// As text, for this query of this hub.
    pub(super) fn write(&self, hub: &HubName, query: &str) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend(bound_to(hub, query).to_be_bytes());
        bytes.extend(self.shown.to_be_bytes());
        match &self.last {
            Last::Twin(id) => {
                bytes.push(TWIN);
                bytes.extend(id.device_id().as_str().bytes());
                if let Some(module) = id.module_id() {
                    bytes.push(0);
                    bytes.extend(module.as_str().bytes());
                }
            }
            Last::Group(GroupOrder(order)) => {
                bytes.push(GROUP);
                bytes.extend(order.to_be_bytes());
            }
        }
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads what was written for this query of this hub.
    pub(super) fn read(token: &str, hub: &HubName, query: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
        let (&version, rest) = bytes.split_first()?;
        let (&bound, rest) = rest.split_first_chunk()?;
        let (&shown, rest) = rest.split_first_chunk()?;
        let (&kind, last) = rest.split_first()?;
        if version != VERSION || u128::from_be_bytes(bound) != bound_to(hub, query) {
            return None;
        }
        let last = match kind {
            TWIN => Last::Twin(identity_of(last)?),
            GROUP => Last::Group(GroupOrder(u128::from_be_bytes(last.try_into().ok()?))),
            _ => return None,
        };
        Some(Continuation {
            shown: u64::from_be_bytes(shown),
            last,
        })
    }
}

fn identity_of(bytes: &[u8]) -> Option<IdentityId> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (device, module) = match text.split_once('\0') {
        Some((device, module)) => (device, Some(ModuleId::parse(module).ok()?)),
        None => (text, None),
    };
    let device = DeviceId::parse(device).ok()?;
    Some(match module {
        Some(module) => IdentityId::module(device, module),
        None => device.into(),
    })
}

fn bound_to(hub: &HubName, query: &str) -> u128 {
    let mut hash = Hash::default();
    hash.add(hub.as_str().as_bytes());
    hash.add(&[0]);
    hash.add(query.as_bytes());
    hash.finish()
}

/// FNV-1a of 128 bits: small, and the same in every build.
pub(super) struct Hash(u128);

impl Default for Hash {
    fn default() -> Self {
        Hash(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }
}

impl Hash {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
        for byte in bytes {
            self.0 = (self.0 ^ u128::from(*byte)).wrapping_mul(PRIME);
        }
    }

    pub(super) fn finish(&self) -> u128 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(name: &str) -> HubName {
        HubName::parse(name).unwrap()
    }

    fn lasts() -> [Last; 3] {
        let device = DeviceId::parse("pump-7").unwrap();
        let module = ModuleId::parse("$edgeAgent").unwrap();
        [
            Last::Twin(device.clone().into()),
            Last::Twin(IdentityId::module(device, module)),
            Last::Group(GroupOrder(u128::MAX - 7)),
        ]
    }

    #[test]
    fn a_token_is_read_as_it_was_written() {
        for last in lasts() {
            let written = Continuation { shown: 300, last };
            let token = written.write(&hub("plant"), "SELECT");

            let read = Continuation::read(&token, &hub("plant"), "SELECT");

            assert_eq!(read, Some(written));
        }
    }

    #[test]
    fn a_token_belongs_to_its_query_and_hub() {
        let [last, ..] = lasts();
        let token = Continuation { shown: 0, last }.write(&hub("plant"), "SELECT");

        for (hub, query, token) in [
            (hub("plant"), "SELECT ", token.as_str()),
            (hub("harbour"), "SELECT", token.as_str()),
            (hub("plant"), "SELECT", &token[..20]),
            (hub("plant"), "SELECT", "no token"),
            (hub("plant"), "SELECT", ""),
        ] {
            let read = Continuation::read(token, &hub, query);

            assert_eq!(read, None, "{query} of {hub}");
        }
    }

    #[test]
    fn the_hash_is_that_of_every_build() {
        let mut hash = Hash::default();
        hash.add(b"foobar");

        assert_eq!(hash.finish(), 0x343e_1662_793c_64bf_6f0d_3597_ba44_6f18);
    }
}
