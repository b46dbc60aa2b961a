//! The operator token, which opens the management API.
//!
//! 32 random bytes in base64url, made at the first start and kept in the data
//! folder. Whoever can read the file may manage the hub. A running hub looks at
//! the file every two seconds: until then the old token counts, and the new one
//! does not yet.

use std::{fs, io, path::PathBuf};

use anyhow::Context;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

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

    /// Replaces the token and returns the new one; a running hub takes it, and
    /// drops the old one, when it next looks at the file.
    pub fn rotate(&self) -> anyhow::Result<String> {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).context("the system gave no random bytes")?;
        let token = URL_SAFE_NO_PAD.encode(bytes);
        private_file::write(&self.file, format!("{token}\n").as_bytes())
            .with_context(|| format!("could not write {}", self.file.display()))?;
        Ok(token)
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
    fn rotation_leaves_the_new_token_alone_in_the_file() {
        let (_dir, token) = token();
        let old = token.rotate().unwrap();

        let new = token.rotate().unwrap();

        assert_ne!(new, old);
        assert_eq!(token.read().unwrap(), Some(new));
    }

    #[test]
    fn a_missing_or_blank_file_holds_no_token() {
        let (_dir, token) = token();
        assert_eq!(token.read().unwrap(), None);

        fs::write(&token.file, "\n").unwrap();
        assert_eq!(token.read().unwrap(), None);
    }
}
