//! What a certificate says: for whom it is, and until when.

use std::{
    collections::BTreeSet,
    net::IpAddr,
    time::{Duration, SystemTime},
};

use time::OffsetDateTime;
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, parse_x509_certificate};

const ENDS_SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// The parts of a certificate that decide whether clients take it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Contents {
    /// DNS names and IP addresses.
    pub(super) names: BTreeSet<String>,
    begin: OffsetDateTime,
    end: OffsetDateTime,
    is_authority: bool,
}

impl Contents {
    /// Reads a certificate; none if it is no certificate.
    pub(super) fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = parse_x509_certificate(der).ok()?;
        let validity = certificate.validity();
        Some(Self {
            names: names(&certificate),
            begin: validity.not_before.to_datetime(),
            end: validity.not_after.to_datetime(),
            is_authority: certificate.is_ca(),
        })
    }

    /// Whether it is still good at `moment`.
    pub(super) fn lasts_until(&self, moment: SystemTime) -> bool {
        self.end > OffsetDateTime::from(moment)
    }

    /// Why clients of `hostname` will refuse it, now or soon.
    pub(super) fn trouble(&self, hostname: &str, now: SystemTime) -> Vec<String> {
        let mut trouble = Vec::new();
        if !self.names.iter().any(|name| covers(name, hostname)) {
            let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
            trouble.push(format!(
                "it is not for {hostname}, but for {}",
                names.join(", ")
            ));
        }
        if self.is_authority {
            trouble.push(
                "it is marked as an authority: with openssl req -x509, add -addext basicConstraints=CA:FALSE"
                    .to_owned(),
            );
        }
        if self.begin > OffsetDateTime::from(now) {
            trouble.push(format!("it is not valid before {}", self.begin.date()));
        }
        if !self.lasts_until(now) {
            trouble.push(format!("it ended on {}", self.end.date()));
        } else if !self.lasts_until(now + ENDS_SOON) {
            trouble.push(format!("it ends on {}", self.end.date()));
        }
        trouble
    }
}

/// A wildcard stands for one label.
fn covers(name: &str, hostname: &str) -> bool {
    match name.strip_prefix("*.") {
        Some(parent) => hostname
            .split_once('.')
            .is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent)),
        None => name.eq_ignore_ascii_case(hostname),
    }
}

fn names(certificate: &X509Certificate<'_>) -> BTreeSet<String> {
    let Ok(Some(names)) = certificate.subject_alternative_name() else {
        return BTreeSet::new();
    };
    names
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
            _ => None,
        })
        .collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(bytes)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn certificate(names: &[&str], now: SystemTime, life: Duration) -> Contents {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = rcgen::CertificateParams::new(names).unwrap();
        params.not_before = now.into();
        params.not_after = (now + life).into();
        let key = rcgen::KeyPair::generate().unwrap();
        Contents::read(params.self_signed(&key).unwrap().der()).unwrap()
    }

    #[test]
    fn a_certificate_for_the_name_or_its_wildcard_is_no_trouble() {
        let now = crate::clock::now();
        let good = certificate(&["*.plant.example", "10.0.0.7"], now, 90 * DAY);

        assert!(good.trouble("hub.plant.example", now + DAY).is_empty());
        assert!(good.trouble("10.0.0.7", now + DAY).is_empty());
        assert_eq!(good.trouble("a.b.plant.example", now + DAY).len(), 1);
    }

    #[test]
    fn the_mark_of_an_authority_is_told() {
        let now = crate::clock::now();
        let mut params = rcgen::CertificateParams::new(vec!["hub".to_owned()]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.not_after = (now + 90 * DAY).into();
        let key = rcgen::KeyPair::generate().unwrap();
        let marked = Contents::read(params.self_signed(&key).unwrap().der()).unwrap();

        let told = marked.trouble("hub", now).join("");

        assert!(told.contains("CA:FALSE"), "{told}");
    }

    #[test]
    fn the_end_is_told_two_weeks_before_and_after() {
        let now = crate::clock::now();
        let certificate = certificate(&["hub"], now, 90 * DAY);
        let told = |days: u32| certificate.trouble("hub", now + days * DAY).join("");

        assert_eq!(told(75), "");
        assert!(told(77).starts_with("it ends on "));
        assert!(told(91).starts_with("it ended on "));
        let early = certificate.trouble("hub", now - DAY).join("");
        assert!(early.starts_with("it is not valid before "), "{early}");
    }
}
