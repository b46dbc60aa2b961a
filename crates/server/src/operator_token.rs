//! The operator token, which opens the management API.
//!
//! 32 random bytes in base64url, made at the first start and kept in the data
//! folder. Whoever can read the file may manage the hub. A rotated token counts
//! at once: the running hub reads the file at each check, which only the rare
//! management call pays for.

use std::{fs, io, path::PathBuf};

use anyhow::Context;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use subtle::ConstantTimeEq;

use crate::{data_dir::DataDir, private_file};

/// The operator token of a data folder.
#[derive(Debug, Clone)]
pub struct OperatorToken {
    file: PathBuf,
}

impl OperatorToken {
    /// The token of `data_dir`, which need not exist yet.
    pub fn of(data_dir: &DataDir) -> Self {
        Self {
            file: data_dir.operator_token_file(),
        }
    }

    /// Makes the token unless there is one.
    pub fn create_if_missing(&self) -> anyhow::Result<()> {
        if self.read()?.is_none() {
            self.rotate()?;
        }
        Ok(())
    }

    /// The token, if one was made.
    pub fn read(&self) -> anyhow::Result<Option<String>> {
        match fs::read_to_string(&self.file) {
            Ok(text) if text.trim().is_empty() => Ok(None),
            Ok(text) => Ok(Some(text.trim().to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| {
                format!(
                    "could not read {}: only the owner of the data folder can",
                    self.file.display()
                )
            }),
        }
    }

    /// Replaces the token and returns the new one; the old one is void.
    pub fn rotate(&self) -> anyhow::Result<String> {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).context("the system gave no random bytes")?;
        let token = URL_SAFE_NO_PAD.encode(bytes);
        private_file::write(&self.file, format!("{token}\n").as_bytes())
            .with_context(|| format!("could not write {}", self.file.display()))?;
        Ok(token)
    }

    /// Tells whether `presented` is the token, in constant time.
    ///
    /// A token that can't be read lets nobody in.
    pub fn admits(&self, presented: &str) -> bool {
        match self.read() {
            Ok(Some(token)) => token.as_bytes().ct_eq(presented.as_bytes()).into(),
            Ok(None) => false,
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "operator token not readable");
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> (tempfile::TempDir, OperatorToken) {
        let dir = tempfile::tempdir().unwrap();
        let token = OperatorToken::of(&DataDir::at(dir.path()));
        (dir, token)
    }

    #[test]
    fn a_token_survives_the_next_start() {
        let (_dir, token) = token();
        token.create_if_missing().unwrap();
        let first = token.read().unwrap().unwrap();

        token.create_if_missing().unwrap();

        assert_eq!(token.read().unwrap().unwrap(), first);
        assert_eq!(URL_SAFE_NO_PAD.decode(first).unwrap().len(), 32);
    }

    #[test]
    fn rotation_voids_the_old_token_at_once() {
        let (_dir, token) = token();
        let old = token.rotate().unwrap();

        let new = token.rotate().unwrap();

        assert!(token.admits(&new));
        assert!(!token.admits(&old));
    }

    #[test]
    fn without_a_token_nobody_is_admitted() {
        let (_dir, token) = token();
        assert!(!token.admits(""));

        fs::write(&token.file, "\n").unwrap();
        assert!(!token.admits(""));
    }
}
