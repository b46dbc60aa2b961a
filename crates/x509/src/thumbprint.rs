//! Thumbprints: by which a certificate is known.

use std::fmt;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};

/// The SHA-1 and SHA-256 digests of a certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Thumbprint {
    sha1: [u8; 20],
    sha256: [u8; 32],
}

impl Thumbprint {
    /// The thumbprint of a certificate's DER.
    pub(crate) fn of(der: &[u8]) -> Self {
        let mut sha1 = [0; 20];
        sha1.copy_from_slice(digest(&SHA1_FOR_LEGACY_USE_ONLY, der).as_ref());
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(digest(&SHA256, der).as_ref());
        Thumbprint { sha1, sha256 }
    }

    /// Whether hex digits in any case, 40 for SHA-1 or 64 for SHA-256, name
    /// this certificate.
    pub fn is(&self, hex: &str) -> bool {
        match hex.len() {
            40 => hex.eq_ignore_ascii_case(&self.sha1_hex()),
            64 => hex.eq_ignore_ascii_case(&self.sha256_hex()),
            _ => false,
        }
    }

    /// SHA-1 in upper-case hex, as Azure shows it.
    pub fn sha1_hex(&self) -> String {
        hex_of(&self.sha1)
    }

    /// SHA-256 in upper-case hex.
    pub fn sha256_hex(&self) -> String {
        hex_of(&self.sha256)
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sha256_hex())
    }
}

fn hex_of(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 0xf)]);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(*byte)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_digests_name_a_certificate_in_any_case() {
        // The digests of "abc" in FIPS 180.
        let sha1 = "A9993E364706816ABA3E25717850C26C9CD0D89D";
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

        let thumbprint = Thumbprint::of(b"abc");

        assert_eq!(thumbprint.sha1_hex(), sha1);
        for named in [sha1, &sha1.to_lowercase(), sha256, &sha256.to_uppercase()] {
            assert!(thumbprint.is(named), "{named}");
        }
        for other in ["", &sha1[..39], &sha256[..40], &sha1.replace('A', "B")] {
            assert!(!thumbprint.is(other), "{other}");
        }
    }
}
