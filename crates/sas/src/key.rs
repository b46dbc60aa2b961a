//! Keys that sign tokens.
//!
//! The same key text is used in two ways. Hub clients decode it from base64
//! and sign with the bytes; Event Hubs clients sign with the text itself.
//! [`SigningKey`] has a constructor for each and treats both alike afterwards.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

/// How many random bytes a generated key has.
const GENERATED_LENGTH: usize = 32;

/// How many bytes a key may have that a person chooses.
const ACCEPTED_LENGTHS: std::ops::RangeInclusive<usize> = 16..=64;

/// Why a text cannot serve as a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text is not standard, padded base64.
    #[error("the key is not base64")]
    NotBase64,
    /// The text decodes to nothing.
    #[error("the key is empty")]
    Empty,
}

/// The bytes that a signature is made with; wiped when dropped.
#[derive(Clone)]
pub struct SigningKey(Zeroizing<Vec<u8>>);

impl SigningKey {
    /// A key as hub clients use it: the bytes that the base64 text stands for.
    pub fn from_base64(text: &str) -> Result<Self, KeyError> {
        let bytes = Zeroizing::new(STANDARD.decode(text).map_err(|_| KeyError::NotBase64)?);
        if bytes.is_empty() {
            return Err(KeyError::Empty);
        }
        Ok(Self(bytes))
    }

    /// A key as Event Hubs clients use it: the UTF-8 bytes of the text, undecoded.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        if text.is_empty() {
            return Err(KeyError::Empty);
        }
        Ok(Self(Zeroizing::new(text.as_bytes().to_vec())))
    }

    /// HMAC-SHA256 of the two lines that a token's signature covers.
    pub(crate) fn signature(&self, resource: &str, expiry: &str) -> [u8; 32] {
        self.mac(resource, expiry).finalize().into_bytes().into()
    }

    /// Whether `signature` covers these two lines, in constant time.
    pub(crate) fn verifies(&self, resource: &str, expiry: &str, signature: &[u8]) -> bool {
        self.mac(resource, expiry).verify_slice(signature).is_ok()
    }

    fn mac(&self, resource: &str, expiry: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0)
            .expect("HMAC takes a key of any length, so this cannot fail");
        mac.update(resource.as_bytes());
        mac.update(b"\n");
        mac.update(expiry.as_bytes());
        mac
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

/// A new key: 32 bytes from the operating system's random source, as base64.
///
/// # Panics
///
/// When the operating system has no random source. A hub that cannot make
/// keys must not go on.
pub fn generate_key() -> String {
    let mut bytes = [0; GENERATED_LENGTH];
    getrandom::fill(&mut bytes).expect("the operating system has a random source");
    let text = STANDARD.encode(bytes);
    bytes.zeroize();
    text
}

/// Whether an identity or a policy may have this key: base64 of 16 to 64 bytes.
pub fn is_valid_key(text: &str) -> bool {
    STANDARD
        .decode(text)
        .map(Zeroizing::new)
        .is_ok_and(|bytes| ACCEPTED_LENGTHS.contains(&bytes.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_keys_are_valid_and_differ() {
        let (one, two) = (generate_key(), generate_key());

        assert_eq!(one.len(), 44);
        assert!(is_valid_key(&one));
        assert_ne!(one, two);
    }

    #[test]
    fn keys_from_16_to_64_bytes_are_valid_and_others_are_not() {
        let of = |length: usize| STANDARD.encode(vec![7; length]);

        assert!(!is_valid_key(&of(15)));
        assert!(is_valid_key(&of(16)));
        assert!(is_valid_key(&of(64)));
        assert!(!is_valid_key(&of(65)));
        assert!(!is_valid_key(""));
        assert!(!is_valid_key("not base64 at all!"));
        assert!(!is_valid_key(of(16).trim_end_matches('=')));
    }

    #[test]
    fn unusable_key_texts_are_refused() {
        assert_eq!(
            SigningKey::from_base64("%%%").unwrap_err(),
            KeyError::NotBase64
        );
        assert_eq!(SigningKey::from_base64("").unwrap_err(), KeyError::Empty);
        assert_eq!(SigningKey::from_text("").unwrap_err(), KeyError::Empty);
    }

    #[test]
    fn debug_text_hides_the_key() {
        let key = SigningKey::from_text("secret").unwrap();

        assert_eq!(format!("{key:?}"), "SigningKey(..)");
    }
}
