//! Conditions that an engine leaves open, asked before it reads all of a twin.

use std::fmt;
use std::sync::Arc;

use super::evaluate::holds;
use super::expression::Expr;
use super::row::{Cells, Row, standing_of};
use crate::ids::HubName;
use crate::ports::TwinRow;
use crate::presence::PresenceBook;

/// Lets through the twins of which open conditions are true.
///
/// To make a whole twin of a row takes ten times as long as to look at what
/// conditions need of it.
#[derive(Clone)]
pub struct Sieve {
    hub: HubName,
    conditions: Arc<[Expr]>,
    presence: Arc<PresenceBook>,
}

impl Sieve {
    /// Of these conditions, by whose index others name them.
    pub fn new(hub: HubName, conditions: Arc<[Expr]>, presence: Arc<PresenceBook>) -> Self {
        Sieve {
            hub,
            conditions,
            presence,
        }
    }

    /// Whether these conditions are true of a twin, of which nothing need be
    /// there but what they need.
    pub fn keeps(&self, rest: &[usize], stored: &TwinRow) -> bool {
        self.holds(rest, &self.row(stored))
    }

    /// A row with what is known of its owner's connection.
    pub(super) fn row<'r>(&self, stored: &'r TwinRow) -> Row<'r> {
        let standing = standing_of(&self.presence, &self.hub, stored);
        Row { stored, standing }
    }

    /// Whether these conditions are true of a row.
    pub(super) fn holds(&self, rest: &[usize], row: &impl Cells) -> bool {
        rest.iter()
            .all(|index| holds(&self.conditions[*index], row))
    }
}

impl fmt::Debug for Sieve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sieve")
            .field("hub", &self.hub)
            .field("conditions", &self.conditions)
            .finish_non_exhaustive()
    }
}
