//! The boxes of rights in a form, which `policies/rights.html` shows of a page
//! that has them as `rights`.

use super::document::{Policy, RIGHTS};
use crate::fields::Fields;

/// A right that a policy may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RightBox {
    /// Azure's word.
    pub right: &'static str,
    /// What it opens.
    pub opens: &'static str,
    /// Whether the policy has it.
    pub is_ticked: bool,
}

/// As a policy has them.
pub fn of_policy(policy: &Policy) -> Vec<RightBox> {
    boxes(|right| policy.lists(right))
}

/// As they were ticked.
pub fn of_form(ticked: &[String]) -> Vec<RightBox> {
    boxes(|right| ticked.iter().any(|ticked| ticked == right))
}

/// The rights that a form asks for.
pub fn ticked(fields: &Fields) -> Vec<String> {
    fields.all("right").map(str::to_owned).collect()
}

fn boxes(is_ticked: impl Fn(&str) -> bool) -> Vec<RightBox> {
    let right_box = |(right, opens): (&'static str, &'static str)| RightBox {
        right,
        opens,
        is_ticked: is_ticked(right),
    };
    RIGHTS.into_iter().map(right_box).collect()
}
