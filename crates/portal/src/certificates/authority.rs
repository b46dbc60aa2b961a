//! An authority that issues devices' certificates, as a page shows it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use twinhub_core::time::Timestamp;

use crate::moment::Moment;

/// A certificate, as the resource provider has it.
#[derive(Debug, Clone, Deserialize)]
pub struct Authority {
    /// Its name.
    pub name: String,
    /// Moves with every change.
    pub etag: String,
    /// What it is.
    pub properties: Properties,
}

/// What is in a certificate, and what was done with it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Properties {
    /// Whom it was issued to.
    pub subject: String,
    /// Its last moment.
    pub expiry: Moment,
    /// SHA-1, in hexadecimal digits.
    pub thumbprint: String,
    /// Whether devices that it vouches for are let in.
    pub is_verified: bool,
    /// When it came.
    pub created: Moment,
    /// When it was changed.
    pub updated: Moment,
    /// Itself, in base64.
    pub certificate: String,
    /// What the proof of possession has as its common name. The hub tells it
    /// once.
    pub verification_code: Option<String>,
}

/// All of them.
#[derive(Debug, Deserialize)]
pub struct Authorities {
    /// By name.
    pub value: Vec<Authority>,
}

/// How long before its end a certificate is warned of.
const SOON: std::time::Duration = std::time::Duration::from_secs(30 * 24 * 60 * 60);

/// Whether a certificate counts now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// It does.
    Good,
    /// It does, and not for long.
    EndsSoon,
    /// It does not any more.
    Over,
}

impl Authority {
    /// Whether it counts now.
    pub fn validity(&self, now: Timestamp) -> Validity {
        let expiry = self.properties.expiry;
        if expiry.is_before(now) {
            Validity::Over
        } else if expiry.is_before(now.plus(SOON)) {
            Validity::EndsSoon
        } else {
            Validity::Good
        }
    }

    /// As a file holds it.
    pub fn pem(&self) -> String {
        // The resource provider writes base64 without line ends.
        let text = STANDARD
            .decode(&self.properties.certificate)
            .map_or_else(|_| String::new(), |der| STANDARD.encode(der));
        let lines: Vec<&str> = text
            .as_bytes()
            .chunks(64)
            .filter_map(|line| std::str::from_utf8(line).ok())
            .collect();
        let lines = lines.join("\n");
        format!("-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn authority() -> Authority {
        serde_json::from_value(json!({
            "name": "plant", "etag": "AAE=",
            "properties": {
                "subject": "Plant", "expiry": "Sun, 13 Sep 2020 12:26:40 GMT",
                "thumbprint": "AB", "isVerified": false,
                "created": "Sun, 13 Sep 2015 12:26:40 GMT",
                "updated": "Sun, 13 Sep 2015 12:26:40 GMT",
                "certificate": STANDARD.encode([7; 100]),
            },
        }))
        .unwrap()
    }

    #[test]
    fn the_end_of_a_certificate_is_warned_of_a_month_before() {
        const EXPIRY: u64 = 1_600_000_000;
        const DAY: u64 = 24 * 60 * 60;
        let at = |seconds| authority().validity(Timestamp::from_unix_seconds(seconds));

        assert_eq!(at(EXPIRY - 31 * DAY), Validity::Good);
        assert_eq!(at(EXPIRY - 29 * DAY), Validity::EndsSoon);
        assert_eq!(at(EXPIRY + 1), Validity::Over);
    }

    #[test]
    fn a_certificate_is_written_in_lines_as_openssl_does() {
        let pem = authority().pem();

        let lines: Vec<&str> = pem.lines().collect();
        assert_eq!(lines.first(), Some(&"-----BEGIN CERTIFICATE-----"));
        assert_eq!(lines[1].len(), 64);
        assert_eq!(lines.last(), Some(&"-----END CERTIFICATE-----"));
        let inner = lines[1..lines.len() - 1].concat();
        assert_eq!(STANDARD.decode(inner).unwrap(), [7; 100]);
    }
}
