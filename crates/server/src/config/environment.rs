//! The variables that mean something to this program.

use std::{collections::BTreeMap, path::PathBuf};

use figment::{
    Metadata, Profile, Provider,
    providers::Serialized,
    value::{Dict, Map},
};

use super::settings::{self, OTHER_VARIABLES, SETTINGS};

pub(super) const ENVIRONMENT: &str = "environment";

/// A snapshot of the process's variables.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
}

impl Environment {
    /// What this process was started with; variables that aren't UTF-8 or are
    /// empty count as unset.
    pub fn of_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// `TWINHUB_DATA_DIR`: the data folder.
    pub fn data_dir(&self) -> Option<PathBuf> {
        self.variables.get("TWINHUB_DATA_DIR").map(PathBuf::from)
    }

    /// `TWINHUB_CA_FILE`: certificates that the hub's certificate hangs on.
    pub fn ca_file(&self) -> Option<PathBuf> {
        self.variables.get("TWINHUB_CA_FILE").map(PathBuf::from)
    }

    /// `SSL_CERT_FILE`: the roots that OpenSSL and its users trust.
    pub fn ssl_cert_file(&self) -> Option<PathBuf> {
        self.variables.get("SSL_CERT_FILE").map(PathBuf::from)
    }

    /// `IOTHUB_CONNECTION_STRING`: the hub that commands talk to.
    pub fn connection_string(&self) -> Option<&str> {
        self.variables
            .get("IOTHUB_CONNECTION_STRING")
            .map(String::as_str)
    }

    #[cfg(test)]
    pub(super) fn into_variables(self) -> impl Iterator<Item = (String, String)> {
        self.variables.into_iter()
    }

    pub(super) fn settings(&self) -> impl Provider + '_ {
        Settings(self)
    }

    /// `TWINHUB_*` variables that look like a setting and are none.
    ///
    /// They are passed over, not refused: container platforms invent variables
    /// from the name of a service.
    pub(super) fn misspelt_settings(&self) -> Vec<String> {
        let known: Vec<String> = SETTINGS
            .iter()
            .map(|(key, _)| settings::variable(key))
            .chain(OTHER_VARIABLES.iter().map(|name| (*name).to_owned()))
            .collect();
        self.variables
            .keys()
            .filter(|name| name.starts_with("TWINHUB_") && !known.contains(name))
            .filter(|name| !is_of_a_container_platform(name))
            .filter_map(|name| {
                let bare = |name: &'_ str| name.trim_start_matches("TWINHUB_").to_owned();
                let bare_known: Vec<String> = known.iter().map(|name| bare(name)).collect();
                let meant =
                    settings::nearest(&bare(name), bare_known.iter().map(String::as_str))?;
                Some(format!(
                    "the variable {name} is no setting and was passed over: did you mean TWINHUB_{meant}?"
                ))
            })
            .collect()
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        let variables = variables
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .collect();
        Self { variables }
    }
}

/// What is invented for a service called `twinhub`, as `TWINHUB_SERVICE_HOST`,
/// `TWINHUB_PORT` and `TWINHUB_PORT_443_TCP_ADDR`.
fn is_of_a_container_platform(name: &str) -> bool {
    let is_port = |rest: &str| {
        rest.is_empty()
            || rest
                .strip_prefix('_')
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    name.starts_with("TWINHUB_SERVICE_") || name.strip_prefix("TWINHUB_PORT").is_some_and(is_port)
}

struct Settings<'a>(&'a Environment);

impl Provider for Settings<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named(ENVIRONMENT)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let mut data = Map::from([(Profile::Default, Dict::new())]);
        for (key, reading) in SETTINGS {
            let Some(text) = self.0.variables.get(&settings::variable(key)) else {
                continue;
            };
            let one = Serialized::default(key, settings::read(text, *reading)).data()?;
            for (profile, dict) in one {
                merge(data.entry(profile).or_default(), dict);
            }
        }
        Ok(data)
    }
}

/// Adds `more` to `dict`, table by table.
fn merge(dict: &mut Dict, more: Dict) {
    for (key, value) in more {
        match (dict.get_mut(&key), value) {
            (Some(figment::value::Value::Dict(_, old)), figment::value::Value::Dict(_, new)) => {
                merge(old, new);
            }
            (_, value) => {
                dict.insert(key, value);
            }
        }
    }
}
