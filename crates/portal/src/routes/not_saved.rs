//! An item that was not saved: what its form says then, and what stands now.

use http::StatusCode;

use super::change::{NotChanged, Stale};
use crate::problems::{Places, Problems};
use crate::refused::Refused;

/// Names and values of an item, for who compares it with what they typed.
pub type Facts = Vec<(String, String)>;

/// A form that is shown again.
#[derive(Debug)]
pub struct NotSaved<T> {
    /// What is wrong.
    pub problems: Problems,
    /// What stands now, if somebody else has changed it.
    pub now: Facts,
    /// What the form is about from now on; nothing if that is a new item.
    pub seen: Option<T>,
}

impl<T> NotSaved<T> {
    /// Of a form that was about what was seen. A refusal stands at its place.
    pub fn of(
        error: NotChanged<T>,
        seen: Option<T>,
        what: &str,
        places: &Places,
        facts: impl Fn(&T) -> Facts,
    ) -> Self {
        let (problems, seen, now) = match error {
            NotChanged::Refused(error) => (Problems::placed(error, places), seen, Facts::new()),
            NotChanged::Stale(Stale { now: Some(now) }) => {
                let facts = facts(&now);
                let sentence = format!(
                    "Somebody has changed this {what} meanwhile. What you typed is still here and \
                     not saved; below is what stands now. Save again to replace it with yours."
                );
                (conflict(sentence), Some(now), facts)
            }
            NotChanged::Stale(Stale { now: None }) => {
                let sentence = format!(
                    "Somebody has deleted this {what} meanwhile: it changed under your hands. \
                     Save again to add it anew."
                );
                (conflict(sentence), None, Facts::new())
            }
        };
        NotSaved {
            problems,
            now,
            seen,
        }
    }
}

/// What is to be deleted is not what was shown.
pub fn changed_before_deletion(what: &str) -> Problems {
    conflict(format!(
        "Somebody has changed this {what} meanwhile, and it is not deleted. Below is what stands \
         now."
    ))
}

/// It can't be as long as something else is as it is.
pub fn conflict(sentence: String) -> Problems {
    let refused = Refused {
        status: StatusCode::CONFLICT,
        ..Refused::invalid(sentence)
    };
    refused.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(now: &i32) -> Facts {
        vec![("Number".to_owned(), now.to_string())]
    }

    #[test]
    fn who_was_slower_sees_what_stands_now_and_saves_over_that() {
        let error = NotChanged::Stale(Stale { now: Some(7) });

        let told = NotSaved::of(error, Some(6), "route", &[], facts);

        assert_eq!(told.problems.status(), StatusCode::CONFLICT);
        assert_eq!(told.now, [("Number".to_owned(), "7".to_owned())]);
        assert_eq!(told.seen, Some(7));
    }

    #[test]
    fn what_is_gone_is_saved_as_a_new_item() {
        let error = NotChanged::Stale(Stale { now: None });

        let told = NotSaved::of(error, Some(6), "route", &[], facts);

        assert_eq!((told.seen, told.now), (None, Facts::new()));
    }
}
