//! What is wrong with a configuration, where, and what to write instead.

use figment::{
    Metadata, Source,
    error::{Actual, Kind},
};

use super::{COMMAND_LINE, environment::ENVIRONMENT, settings};

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A key that no version of this program knows.
    #[error("{place}: there is no setting `{key}`{}", suggestion(nearest))]
    UnknownKey {
        /// The file or variable.
        place: String,
        /// The key, with its table.
        key: String,
        /// The key that was probably meant.
        nearest: Option<String>,
    },
    /// A value of the wrong type or out of its range.
    #[error("{place}: `{key}` {problem}")]
    BadValue {
        /// The file, variable or command line.
        place: String,
        /// The key, with its table.
        key: String,
        /// What is wrong, and what to write.
        problem: String,
    },
    /// Clusters are not part of this version.
    #[error(
        "{place}: `cluster` is not available in this version: remove it, the hub runs in one process"
    )]
    ClusterNotAvailable {
        /// The file or variable.
        place: String,
    },
    /// A file that is no TOML, or can't be read.
    #[error("{place}: {problem}")]
    Unreadable {
        /// The file.
        place: String,
        /// What the parser said.
        problem: String,
    },
}

impl ConfigError {
    /// The first of the faults that reading met.
    pub(super) fn from_figment(error: figment::Error) -> Self {
        let mut key = error.path.join(".");
        let place = place_of(error.metadata.as_ref(), &key);
        match error.kind {
            Kind::UnknownField(field, expected) => {
                let table = error.path.split_last().map_or(&[][..], |(last, rest)| {
                    if *last == field { rest } else { &error.path }
                });
                let qualified = |name: &str| {
                    let parts = table.iter().map(String::as_str).chain([name]);
                    parts.collect::<Vec<_>>().join(".")
                };
                Self::UnknownKey {
                    place,
                    key: qualified(&field),
                    nearest: settings::nearest(&field, expected.iter().copied()).map(qualified),
                }
            }
            Kind::UnknownVariant(found, expected) => Self::BadValue {
                place,
                key,
                problem: format!("is {found:?}: write one of {}", expected.join(", ")),
            },
            Kind::InvalidType(found, wanted) | Kind::InvalidValue(found, wanted) => {
                Self::BadValue {
                    place,
                    key,
                    problem: format!("is {}: write {}", written(&found), in_words(&wanted)),
                }
            }
            kind if key.is_empty() => Self::Unreadable {
                place,
                problem: kind.to_string(),
            },
            kind => {
                // A value inside a list carries its index.
                if let Some((list, index)) = key.rsplit_once('.')
                    && index.parse::<usize>().is_ok()
                {
                    key.truncate(list.len());
                }
                Self::BadValue {
                    place,
                    key,
                    problem: kind.to_string(),
                }
            }
        }
    }
}

/// Where the operator finds the setting: a file, a variable, the command line.
pub(super) fn place_of(metadata: Option<&Metadata>, key: &str) -> String {
    let Some(metadata) = metadata else {
        return "configuration".to_owned();
    };
    match &metadata.source {
        Some(Source::File(path)) => path.display().to_string(),
        _ if metadata.name == ENVIRONMENT => settings::variable(key),
        _ if metadata.name == COMMAND_LINE => "command line".to_owned(),
        _ => "configuration".to_owned(),
    }
}

fn written(value: &Actual) -> String {
    match value {
        Actual::Str(text) => format!("{text:?}"),
        Actual::Signed(number) => number.to_string(),
        Actual::Unsigned(number) => number.to_string(),
        Actual::Float(number) => number.to_string(),
        Actual::Bool(value) => value.to_string(),
        other => other.to_string(),
    }
}

fn in_words(wanted: &str) -> &str {
    match wanted {
        "u16" => "a whole number up to 65535",
        "u32" => "a whole number",
        "a boolean" => "true or false",
        "a string" => "a text in quotes",
        other => other,
    }
}

fn suggestion(nearest: &Option<String>) -> String {
    match nearest {
        Some(key) => format!(", did you mean `{key}`?"),
        None => ": docs/operations.md lists them all".to_owned(),
    }
}
