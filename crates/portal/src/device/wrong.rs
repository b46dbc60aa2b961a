//! A field of a form that does not fit.

/// Which field, and why: the sentence stands below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The name of the field.
    pub field: &'static str,
    /// What is wrong, and what would fit.
    pub sentence: String,
}

impl Wrong {
    /// In a field.
    pub fn new(field: &'static str, sentence: impl Into<String>) -> Self {
        Wrong {
            field,
            sentence: sentence.into(),
        }
    }
}

/// What is wrong with a field, for templates.
pub fn wrong_at<'a>(wrong: &'a [Wrong], field: &str) -> Option<&'a str> {
    let found = wrong.iter().find(|wrong| wrong.field == field);
    found.map(|wrong| wrong.sentence.as_str())
}
