//! Where among the IDs the devices are that conditions leave.
//!
//! Twins are read by ID. Conditions on the ID itself tell where to begin and
//! where to end, so that what is elsewhere is not looked at.

use twinhub_core::query::{Comparison, Constant, Expr, Path, Root};

use super::condition::{successor, with_path_first};

/// A stretch of device IDs; empty texts are no bounds. All devices that the
/// conditions leave are in it, and maybe others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Between {
    /// They come after this, which is no device's ID that matters.
    pub after: String,
    /// They come before this.
    pub below: String,
}

impl Between {
    /// Where all conditions are true.
    pub(super) fn of(conditions: &[Expr]) -> Self {
        let mut between = Between::default();
        for condition in conditions {
            between.narrow(condition);
        }
        between
    }

    /// Whether nothing in it comes after this ID.
    pub(super) fn ends_by(&self, device: &str) -> bool {
        !self.below.is_empty() && device >= self.below.as_str()
    }

    fn narrow(&mut self, condition: &Expr) {
        match condition {
            Expr::And(parts) => parts.iter().for_each(|part| self.narrow(part)),
            Expr::StartsWith(text, start) => {
                if let (Expr::Path(path), Expr::Constant(Constant::Text(start))) =
                    (&**text, &**start)
                    && is_device_id(path)
                {
                    self.begin(start);
                    self.end(successor(start).unwrap_or_default());
                }
            }
            Expr::Compare(left, comparison, right) => {
                if let Some((path, comparison, Constant::Text(id))) =
                    with_path_first(left, *comparison, right)
                    && is_device_id(path)
                {
                    self.compare(comparison, id);
                }
            }
            _ => {}
        }
    }

    fn compare(&mut self, comparison: Comparison, id: &str) {
        match comparison {
            Comparison::Greater | Comparison::GreaterOrEqual => self.begin(id),
            Comparison::Less => self.end(id.to_owned()),
            // An ID is followed by itself with the least character.
            Comparison::LessOrEqual => self.end(format!("{id}\0")),
            Comparison::Equal | Comparison::NotEqual => {}
        }
    }

    /// They come at or after this.
    fn begin(&mut self, first: &str) {
        self.after = before(first).max(std::mem::take(&mut self.after));
    }

    fn end(&mut self, below: String) {
        let is_nearer = self.below.is_empty() || below < self.below;
        if is_nearer && !below.is_empty() {
            self.below = below;
        }
    }
}

fn is_device_id(path: &Path) -> bool {
    path.root == Root::DeviceId && path.keys.is_empty()
}

/// A text before this one, with no ID between them.
pub(super) fn before(text: &str) -> String {
    let mut characters = text.chars();
    let Some(last) = characters.next_back() else {
        return String::new();
    };
    // IDs end in a smaller character, or go on with one that is smaller than
    // the greatest; a number that is no character has none of its own.
    let less = (0..u32::from(last)).rev().find_map(char::from_u32);
    let start = characters.as_str();
    match less {
        Some(less) => format!("{start}{less}\u{10ffff}"),
        None => start.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use twinhub_core::query::Query;

    use super::*;

    fn between(condition: &str) -> Between {
        Between::of(&[Query::parse_condition(condition).unwrap()])
    }

    /// Whether an ID is in it, and nothing that `least` comes after.
    fn holds(between: &Between, id: &str) -> bool {
        id > between.after.as_str() && !between.ends_by(id)
    }

    #[test]
    fn a_prefix_leaves_the_ids_that_begin_so() {
        let between = between("STARTSWITH(deviceId, 'pump-09') AND tags.a = 1");

        for id in ["pump-09", "pump-090", "pump-09zz"] {
            assert!(holds(&between, id), "{id}");
        }
        for id in ["pump-0", "pump-08", "pump-08zz", "pump-1", "pump-0:"] {
            assert!(!holds(&between, id), "{id}");
        }
    }

    #[test]
    fn comparisons_leave_what_is_between_them() {
        let between = between("deviceId >= 'b' AND 'd' >= deviceId AND deviceId < 'dz'");

        for (id, inside) in [
            ("a", false),
            ("az", false),
            ("b", true),
            ("c", true),
            ("d", true),
            ("da", false),
        ] {
            assert_eq!(holds(&between, id), inside, "{id}");
        }
    }

    #[test]
    fn other_conditions_leave_all() {
        for condition in [
            "STARTSWITH(tags.a, 'b')",
            "NOT STARTSWITH(deviceId, 'b')",
            "deviceId <> 'b'",
            "STARTSWITH(deviceId, 'b') OR tags.a = 1",
            "STARTSWITH(deviceId, '')",
        ] {
            assert_eq!(between(condition), Between::default(), "{condition}");
        }
    }

    #[test]
    fn nothing_is_between_a_text_and_what_is_before_it() {
        assert_eq!(before("b"), "a\u{10ffff}");
        assert_eq!(before("a\0"), "a");
        assert_eq!(before("\u{e000}"), "\u{d7ff}\u{10ffff}");
        assert_eq!(before(""), "");
    }
}
