//! What is wrong with a form: sentences, each at its place.

use http::StatusCode;

use super::document::NotChanged;
use crate::client::ApiError;
use crate::failure::as_sentence;

/// What was refused of a form. Nothing, to begin with.
#[derive(Debug, Clone)]
pub struct Problems {
    /// The status of the page.
    pub status: StatusCode,
    /// What is said above the form.
    pub above: Option<String>,
    /// What stands now, if somebody else has changed it: names and values.
    pub now: Vec<(String, String)>,
    at: Vec<(String, String)>,
}

impl Default for Problems {
    fn default() -> Self {
        Problems {
            status: StatusCode::OK,
            above: None,
            now: Vec::new(),
            at: Vec::new(),
        }
    }
}

impl Problems {
    /// Something that only a person can put right, at a field.
    pub fn at_field(field: &str, sentence: impl Into<String>) -> Self {
        let mut problems = Problems::default();
        problems.add(field, sentence);
        problems
    }

    /// Something about the form as a whole.
    pub fn above(status: StatusCode, sentence: impl Into<String>) -> Self {
        Problems {
            status,
            above: Some(sentence.into()),
            ..Problems::default()
        }
    }

    /// What is to be deleted is not what was shown.
    pub fn changed_before_deletion(what: &str) -> Self {
        let sentence = format!(
            "Somebody has changed this {what} meanwhile, and it is not deleted. Below is what \
             stands now."
        );
        Problems::above(StatusCode::CONFLICT, sentence)
    }

    /// Adds a sentence at a field.
    pub fn add(&mut self, field: &str, sentence: impl Into<String>) {
        if self.status == StatusCode::OK {
            self.status = StatusCode::BAD_REQUEST;
        }
        self.at.push((field.to_owned(), sentence.into()));
    }

    /// The sentence at a field.
    pub fn at(&self, field: &str) -> Option<&str> {
        let mut found = self.at.iter().filter(|(known, _)| known == field);
        found.next().map(|(_, sentence)| sentence.as_str())
    }

    /// Whether nothing is wrong.
    pub fn are_none(&self) -> bool {
        self.above.is_none() && self.at.is_empty()
    }

    /// What the API refused: at the field of the first place whose words its
    /// sentence has, or above the form.
    pub fn refused(error: &ApiError, places: &[(&str, &str)]) -> Self {
        let message = error.to_string();
        let sentence = as_sentence(&message);
        let is_about_a_field = error.status() == StatusCode::BAD_REQUEST;
        let place = places.iter().find(|(words, _)| message.contains(words));
        match place.filter(|_| is_about_a_field) {
            Some((_, field)) => Problems {
                status: error.status(),
                ..Problems::at_field(field, sentence)
            },
            None => Problems::above(error.status(), sentence),
        }
    }

    /// What kept a change of an item from being done; `describe` tells what
    /// the item is now.
    pub fn of_change<T>(
        error: &NotChanged<T>,
        what: &str,
        places: &[(&str, &str)],
        describe: impl Fn(&T) -> Vec<(String, String)>,
    ) -> Self {
        match error {
            NotChanged::Refused(error) => Problems::refused(error, places),
            NotChanged::Stale(stale) => match &stale.now {
                Some(now) => Problems {
                    now: describe(now),
                    ..Problems::above(
                        StatusCode::CONFLICT,
                        format!(
                            "Somebody has changed this {what} meanwhile. What you typed is \
                             still here and not saved; below is what stands now. Save again \
                             to replace it with yours."
                        ),
                    )
                },
                None => Problems::above(
                    StatusCode::CONFLICT,
                    format!(
                        "Somebody has deleted this {what} meanwhile: it changed under your \
                         hands. Save again to add it anew."
                    ),
                ),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::document::Stale;
    use super::*;

    const PLACES: [(&str, &str); 2] = [("condition", "condition"), ("name", "name")];

    fn refusal(status: StatusCode, message: &str) -> ApiError {
        ApiError::Refused {
            status,
            code: String::new(),
            message: message.to_owned(),
        }
    }

    #[test]
    fn a_refusal_stands_at_the_field_that_it_is_about() {
        let error = refusal(StatusCode::BAD_REQUEST, "\"a b\" can't name a route");

        let problems = Problems::refused(&error, &PLACES);

        assert_eq!(problems.at("name"), Some("\"a b\" can't name a route."));
        assert_eq!(problems.above, None);
    }

    #[test]
    fn a_refusal_about_no_field_stands_above_the_form() {
        for (status, message) in [
            (StatusCode::FORBIDDEN, "no more routes of that name"),
            (StatusCode::BAD_REQUEST, "no"),
        ] {
            let problems = Problems::refused(&refusal(status, message), &PLACES);

            assert_eq!(problems.status, status);
            assert!(problems.above.is_some(), "{message}");
        }
    }

    #[test]
    fn who_was_slower_sees_what_stands_now() {
        let error = NotChanged::Stale(Stale { now: Some(7) });
        let describe = |now: &i32| vec![("Number".to_owned(), now.to_string())];

        let problems = Problems::of_change(&error, "route", &PLACES, describe);

        assert_eq!(problems.status, StatusCode::CONFLICT);
        assert_eq!(problems.now, [("Number".to_owned(), "7".to_owned())]);
    }
}
