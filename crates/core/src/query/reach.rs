//! Whom conditions can be true of: the connected, the others, or nobody.
//!
//! Few of a hub's identities are connected, or nearly all; the hub knows them
//! by heart. So a query for the connected need not look at all identities.

use std::borrow::Cow;

use bitflags::bitflags;
use serde_json::Value;

use super::evaluate::truth_of;
use super::expression::Expr;
use super::path::{Path, Root};
use super::row::{CONNECTED, Cells, DISCONNECTED};
use super::scalar::Scalar;

/// Whom conditions may be true of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Whether they are connected or not.
    Anybody,
    /// None but the connected.
    Connected,
    /// No identity at all.
    Nobody,
}

impl Reach {
    /// Of conditions that shall all be true.
    pub(super) fn of(conditions: &[Expr]) -> Self {
        let may_be = |state| {
            let mut conditions = conditions.iter();
            conditions.all(|condition| Truths::of(condition, state).contains(Truths::TRUE))
        };
        match (may_be(CONNECTED), may_be(DISCONNECTED)) {
            (_, true) => Reach::Anybody,
            (true, false) => Reach::Connected,
            (false, false) => Reach::Nobody,
        }
    }
}

bitflags! {
    /// What a condition may be of rows of which one thing is known.
    #[derive(Clone, Copy)]
    struct Truths: u8 {
        const TRUE = 1;
        const FALSE = 1 << 1;
        const UNDEFINED = 1 << 2;
    }
}

impl Truths {
    /// Of rows in a state of connection; maybe more than it can be.
    fn of(condition: &Expr, state: &'static str) -> Self {
        match condition {
            Expr::Not(inner) => Truths::of(inner, state).turned(),
            Expr::And(parts) => Truths::of_all(parts, state),
            // By De Morgan, who holds with undefined, too.
            Expr::Or(parts) => {
                let turned = parts.iter().map(|part| Truths::of(part, state).turned());
                turned.fold(Truths::TRUE, Truths::and).turned()
            }
            _ => {
                let mut is_known = true;
                condition.for_each_path(&mut |path| is_known &= path.root == Root::ConnectionState);
                if !is_known {
                    return Truths::all();
                }
                match truth_of(condition, &OnlyState(state)) {
                    Some(true) => Truths::TRUE,
                    Some(false) => Truths::FALSE,
                    None => Truths::UNDEFINED,
                }
            }
        }
    }

    fn of_all(parts: &[Expr], state: &'static str) -> Self {
        let parts = parts.iter().map(|part| Truths::of(part, state));
        parts.fold(Truths::TRUE, Truths::and)
    }

    /// What `a AND b` may be.
    fn and(self, other: Self) -> Self {
        let mut both = (self | other) & Truths::FALSE;
        both |= self & other & Truths::TRUE;
        let undefined = (self | other).contains(Truths::UNDEFINED);
        let not_false = |truths: Self| truths.intersects(Truths::TRUE | Truths::UNDEFINED);
        if undefined && not_false(self) && not_false(other) {
            both |= Truths::UNDEFINED;
        }
        both
    }

    /// What `NOT a` may be.
    fn turned(self) -> Self {
        let mut turned = self & Truths::UNDEFINED;
        turned.set(Truths::FALSE, self.contains(Truths::TRUE));
        turned.set(Truths::TRUE, self.contains(Truths::FALSE));
        turned
    }
}

/// A row of which nothing is looked at but its state of connection.
struct OnlyState(&'static str);

impl Cells for OnlyState {
    fn scalar(&self, path: &Path) -> Scalar<'_> {
        // The state is a text: nothing is below it.
        if path.root == Root::ConnectionState && path.keys.is_empty() {
            return Scalar::Text(self.0.into());
        }
        Scalar::Undefined
    }

    fn array(&self, _: &Path) -> Option<Cow<'_, Value>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::syntax::Query;
    use super::*;

    fn reach(conditions: &[&str]) -> Reach {
        let parsed = |text: &&str| Query::parse_condition(text).unwrap();
        let conditions: Vec<_> = conditions.iter().map(parsed).collect();
        Reach::of(&conditions)
    }

    #[test]
    fn only_the_connected_are_reached_where_others_can_not_be_meant() {
        for condition in [
            "connectionState = 'Connected'",
            "'Connected' = CONNECTIONSTATE",
            "connectionState != 'Disconnected'",
            "connectionState <> 'Disconnected'",
            "connectionState IN ['Connected', 'x', 1]",
            "connectionState NIN ['Disconnected', null]",
            "NOT connectionState = 'Disconnected'",
            "NOT (connectionState = 'Disconnected' OR tags.a = 1)",
            "STARTSWITH(connectionState, 'C')",
            "connectionState < 'D'",
            "tags.a = 1 AND connectionState = 'Connected'",
            "tags.a = 1 AND connectionState = 'Connected' OR connectionState = 'Connected' AND tags.b",
            "connectionState = 'Connected' OR connectionState = 'Unknown'",
        ] {
            assert_eq!(reach(&[condition]), Reach::Connected, "{condition}");
        }
        let side_by_side = ["tags.a = 1", "connectionState = 'Connected'"];
        assert_eq!(reach(&side_by_side), Reach::Connected);
    }

    #[test]
    fn nobody_is_reached_where_no_state_will_do() {
        for condition in [
            "connectionState = 'connected'",
            "connectionState > 1",
            "connectionState.x = 'Connected'",
            "NOT connectionState > 1",
            "connectionState = 'Connected' AND connectionState = 'Disconnected'",
            "tags.a = 1 AND false",
            "connectionState = 'x' AND tags.a",
        ] {
            assert_eq!(reach(&[condition]), Reach::Nobody, "{condition}");
        }
    }

    #[test]
    fn anybody_is_reached_by_all_other_conditions() {
        assert_eq!(reach(&[]), Reach::Anybody);
        for condition in [
            "connectionState = 'Disconnected'",
            "connectionState = 'Connected' OR tags.a = 1",
            "NOT (connectionState = 'Disconnected' AND tags.a = 1)",
            "connectionState = tags.a",
            "connectionState IN ['Connected', 'Disconnected']",
            "IS_DEFINED(connectionState)",
            "status = 'enabled'",
        ] {
            assert_eq!(reach(&[condition]), Reach::Anybody, "{condition}");
        }
    }
}
