//! Which of a pair of keys is rolled.

use crate::failure::Failure;
use crate::fields::Fields;
use crate::visit::Visit;

/// A device, a module and a policy each have two keys, so that clients can be
/// given the one while the other still counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRoll {
    /// The primary key is made anew.
    Primary,
    /// The secondary key is.
    Secondary,
    /// The two change places.
    Swap,
}

impl KeyRoll {
    /// Reads the field of an address; the primary key is no default.
    fn parse(text: &str) -> Option<Self> {
        [KeyRoll::Primary, KeyRoll::Secondary, KeyRoll::Swap]
            .into_iter()
            .find(|roll| roll.name() == text)
    }

    /// What an address asks for, or the page that says that it does not.
    pub fn asked(visit: &Visit, asked: &Fields) -> Result<Self, Failure> {
        KeyRoll::parse(asked.get("key")).ok_or_else(|| {
            let sentence = "the address must say key=primary, key=secondary or key=swap";
            Failure::invalid(visit, sentence)
        })
    }

    /// As it stands there.
    pub fn name(self) -> &'static str {
        match self {
            KeyRoll::Primary => "primary",
            KeyRoll::Secondary => "secondary",
            KeyRoll::Swap => "swap",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_must_say_which_key_is_meant() {
        for roll in [KeyRoll::Primary, KeyRoll::Secondary, KeyRoll::Swap] {
            assert_eq!(KeyRoll::parse(roll.name()), Some(roll));
        }
        assert_eq!(KeyRoll::parse("both"), None);
        assert_eq!(KeyRoll::parse(""), None);
    }
}
