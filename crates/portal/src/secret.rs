//! Random texts that nobody guesses, and texts that must not be shown.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;

/// A text that opens something. It does not show in logs, and comparing it
/// takes the same time wherever it differs.
#[derive(Clone)]
pub struct Secret(String);

/// The system has no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the system gave no random bytes")]
pub struct NoRandomness(#[from] getrandom::Error);

impl Secret {
    /// 256 random bits, in letters that fit into addresses and cookies.
    pub fn random() -> Result<Self, NoRandomness> {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Secret(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// One that somebody gave us.
    pub fn of(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it is this text.
    pub fn is(&self, text: &str) -> bool {
        self.0.as_bytes().ct_eq(text.as_bytes()).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_random_secrets_differ_and_neither_is_shown() {
        let (one, other) = (Secret::random().unwrap(), Secret::random().unwrap());

        assert!(!one.is(other.expose()));
        assert!(one.is(one.clone().expose()));
        assert_eq!(one.expose().len(), 43);
        assert_eq!(format!("{one:?}"), "Secret(..)");
    }
}
