//! What is wrong with a form: sentences, each at its place.
//!
//! A template has them as its field `problems`: `problems.html` shows what is
//! said of the form as a whole, and the macros of `forms.html` what stands at a
//! field. What was typed stays in the form.

use std::collections::BTreeMap;

use http::StatusCode;

use crate::client::ApiError;
use crate::refused::Refused;

/// Which field a refusal is about, by words of its sentence, whatever their
/// case: the first that are found count.
pub type Places = [(&'static str, &'static str)];

/// Why a form was not done. Nothing, to begin with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems {
    /// What is said above the form, of it as a whole.
    pub above: Option<Refused>,
    at: BTreeMap<&'static str, String>,
}

impl Problems {
    /// Something that only a person can put right, at a field.
    pub fn at_field(field: &'static str, sentence: impl Into<String>) -> Self {
        let mut problems = Problems::default();
        problems.add(field, sentence);
        problems
    }

    /// What the hub has refused: at the field that it is about, or above the
    /// form if it is about none of them.
    pub fn placed(refused: impl Into<Refused>, places: &Places) -> Self {
        let refused = refused.into();
        let may_be_of_a_field = [StatusCode::BAD_REQUEST, StatusCode::CONFLICT];
        if !may_be_of_a_field.contains(&refused.status) {
            return refused.into();
        }
        let said = refused.sentence.to_lowercase();
        let mut places = places.iter();
        match places.find(|(words, _)| said.contains(&words.to_lowercase())) {
            Some((_, field)) => Problems::at_field(field, refused.sentence),
            None => refused.into(),
        }
    }

    /// Adds a sentence at a field; the first one there stays.
    pub fn add(&mut self, field: &'static str, sentence: impl Into<String>) {
        self.at.entry(field).or_insert_with(|| sentence.into());
    }

    /// What was read of a field, or nothing and the sentence there.
    pub fn take<T: Default>(
        &mut self,
        field: &'static str,
        read: Result<T, impl Into<String>>,
    ) -> T {
        read.unwrap_or_else(|sentence| {
            self.add(field, sentence);
            T::default()
        })
    }

    /// The sentence at a field.
    pub fn at(&self, field: &str) -> Option<&str> {
        self.at.get(field).map(String::as_str)
    }

    /// Whether something is wrong with one of these.
    pub fn are_at(&self, fields: &[&str]) -> bool {
        fields.iter().any(|field| self.at.contains_key(field))
    }

    /// Whether nothing is wrong.
    pub fn are_none(&self) -> bool {
        self.above.is_none() && self.at.is_empty()
    }

    /// The form is done only if nothing is wrong.
    pub fn none(self) -> Result<(), Self> {
        match self.are_none() {
            true => Ok(()),
            false => Err(self),
        }
    }

    /// The status of the page with the form.
    pub fn status(&self) -> StatusCode {
        match &self.above {
            Some(refused) => refused.status,
            None if self.at.is_empty() => StatusCode::OK,
            None => StatusCode::BAD_REQUEST,
        }
    }
}

impl From<Refused> for Problems {
    fn from(refused: Refused) -> Self {
        Problems {
            above: Some(refused),
            ..Problems::default()
        }
    }
}

impl From<ApiError> for Problems {
    fn from(error: ApiError) -> Self {
        Refused::from(error).into()
    }
}

#[cfg(test)]
mod tests {
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
        for message in ["\"a b\" can't name a route", "name it otherwise"] {
            let error = refusal(StatusCode::BAD_REQUEST, message);

            let problems = Problems::placed(error, &PLACES);

            assert!(problems.at("name").is_some(), "{message}");
            assert_eq!(problems.above, None);
            assert_eq!(problems.status(), StatusCode::BAD_REQUEST);
        }
    }

    #[test]
    fn a_refusal_about_no_field_stands_above_the_form() {
        for (status, message) in [
            (StatusCode::FORBIDDEN, "no more routes of that name"),
            (StatusCode::BAD_REQUEST, "no"),
        ] {
            let problems = Problems::placed(refusal(status, message), &PLACES);

            assert_eq!(problems.status(), status);
            assert!(problems.above.is_some(), "{message}");
        }
    }

    #[test]
    fn a_form_is_done_only_if_nothing_is_wrong_with_any_of_its_fields() {
        let mut problems = Problems::default();
        assert_eq!(problems.take("count", Ok::<_, String>(3)), 3);
        assert_eq!(problems.clone().none(), Ok(()));

        let nothing: usize = problems.take("size", Err("Give a number."));
        problems.add("size", "Give the size.");

        assert_eq!(nothing, 0);
        assert_eq!(problems.at("size"), Some("Give a number."));
        assert!(problems.are_at(&["count", "size"]) && !problems.are_at(&["count"]));
        assert!(problems.none().is_err());
    }
}
