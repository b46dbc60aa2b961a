//! Why a command did not do what it was asked, and the exit code that says so.

use super::refusal::Refusal;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command line makes no sense together.
    #[error("{0}")]
    Usage(String),
    /// The hub answered, and said no.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// There is no hub, or it can't be reached or trusted.
    #[error("{0}")]
    NoHub(String),
    /// Anything else.
    #[error("{0:#}")]
    Other(#[from] anyhow::Error),
}

impl Failure {
    /// The exit code: 1 failed, 2 wrong usage, 3 not found, 4 not authorised,
    /// 5 conflict or stale etag, 6 no hub reached.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::NoHub(_) => 6,
            Self::Other(_) => 1,
            Self::Refused(refusal) => match refusal.status {
                _ if refusal.is_about_rights() => 4,
                404 => 3,
                409 | 412 => 5,
                _ => 1,
            },
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Other(error.into())
    }
}

impl From<twinhub_sas::ConnectionStringError> for Failure {
    fn from(error: twinhub_sas::ConnectionStringError) -> Self {
        Self::Usage(format!("this is no connection string: {error}"))
    }
}
