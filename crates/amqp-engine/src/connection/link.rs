//! The links of a connection, by an id that is never reused.

use std::sync::Arc;

use super::LinkId;
use super::incoming::Incoming;
use super::outgoing::Outgoing;
use crate::performatives::{Attach, Role};

/// A link that the host knows of.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) channel: u16,
    /// The peer's number for the link, and ours.
    pub(super) handle: u32,
    pub(super) name: Box<str>,
    /// Memory that the peer's attach takes, here and at the host.
    pub(super) weight: usize,
    /// The peer's attach until the host has answered it.
    pub(super) unanswered: Option<Arc<Attach>>,
    pub(super) end: LinkEnd,
}

/// Our end of a link.
#[derive(Debug)]
pub(super) enum LinkEnd {
    /// The peer sends.
    Incoming(Incoming),
    /// The host sends.
    Outgoing(Outgoing),
}

impl Link {
    /// A link as the peer attaches it.
    pub(super) fn attached(channel: u16, attach: &Arc<Attach>, weight: usize) -> Self {
        Self {
            channel,
            handle: attach.handle,
            name: Box::from(&*attach.name),
            weight,
            unanswered: Some(Arc::clone(attach)),
            end: match attach.role {
                Role::Sender => LinkEnd::Incoming(Incoming::attached(attach)),
                Role::Receiver => LinkEnd::Outgoing(Outgoing::default()),
            },
        }
    }

    /// The peer's role on the link.
    pub(super) fn peer_role(&self) -> Role {
        match self.end {
            LinkEnd::Incoming(_) => Role::Sender,
            LinkEnd::Outgoing(_) => Role::Receiver,
        }
    }
}

/// All links of a connection.
#[derive(Debug, Default)]
pub(super) struct Links {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    link: Option<Link>,
}

impl Links {
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(super) fn insert(&mut self, link: Link) -> LinkId {
        if let Some(slot) = self.free.pop() {
            let entry = &mut self.slots[slot as usize];
            entry.link = Some(link);
            return LinkId {
                slot,
                generation: entry.generation,
            };
        }
        let slot = u32::try_from(self.slots.len()).expect("links are limited to far fewer");
        self.slots.push(Slot {
            generation: 0,
            link: Some(link),
        });
        LinkId {
            slot,
            generation: 0,
        }
    }

    pub(super) fn get(&self, id: LinkId) -> Option<&Link> {
        let slot = self.slots.get(id.slot as usize)?;
        slot.link
            .as_ref()
            .filter(|_| slot.generation == id.generation)
    }

    pub(super) fn get_mut(&mut self, id: LinkId) -> Option<&mut Link> {
        let slot = self.slots.get_mut(id.slot as usize)?;
        slot.link
            .as_mut()
            .filter(|_| slot.generation == id.generation)
    }

    /// The link, if it is one that the host sends on.
    pub(super) fn outgoing(&mut self, id: LinkId) -> Option<&mut Outgoing> {
        match &mut self.get_mut(id)?.end {
            LinkEnd::Outgoing(outgoing) => Some(outgoing),
            LinkEnd::Incoming(_) => None,
        }
    }

    pub(super) fn remove(&mut self, id: LinkId) -> Option<Link> {
        let slot = self.slots.get_mut(id.slot as usize)?;
        if slot.generation != id.generation {
            return None;
        }
        let link = slot.link.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(id.slot);
        Some(link)
    }

    /// The ids of all links that the host sends on.
    pub(super) fn all_outgoing(&self) -> impl Iterator<Item = LinkId> {
        (0..).zip(&self.slots).filter_map(|(slot, entry)| {
            let link = entry.link.as_ref()?;
            matches!(link.end, LinkEnd::Outgoing(_)).then_some(LinkId {
                slot,
                generation: entry.generation,
            })
        })
    }

    #[cfg(test)]
    pub(super) fn all(&self) -> impl Iterator<Item = &Link> {
        self.slots.iter().filter_map(|slot| slot.link.as_ref())
    }

    /// Forgets every link; ids given out stay dead.
    pub(super) fn clear(&mut self) {
        self.free.clear();
        for (slot, entry) in (0..).zip(&mut self.slots) {
            if entry.link.take().is_some() {
                entry.generation = entry.generation.wrapping_add(1);
            }
            self.free.push(slot);
        }
    }
}
