//! How a container is reached: what an endpoint's connection means.
//!
//! An account's connection string, with a key or a signature; a container's
//! or an account's address with a signature; or a folder of this machine. A
//! key signs an address of its own for each blob, that is good for hours and
//! for this container alone.

use std::collections::HashMap;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use twinhub_core::ports::ContainerAddress;
use twinhub_core::time::Timestamp;
use url::Url;

/// A blob is written in much less.
const SIGNED_FOR: Duration = Duration::from_secs(4 * 60 * 60);
/// Looking whether there is a blob, and making it.
const SIGNED_RIGHTS: &str = "rcw";
/// Which form of signatures, and of what it covers.
/// <https://learn.microsoft.com/rest/api/storageservices/create-service-sas>
const SIGNED_VERSION: &str = "2020-12-06";
const DEFAULT_SUFFIX: &str = "core.windows.net";
/// What `UseDevelopmentStorage=true` stands for: the emulator of this machine,
/// whose key everybody knows.
/// <https://learn.microsoft.com/azure/storage/common/storage-connect-azurite>
const EMULATOR: &str = "AccountName=devstoreaccount1;\
    AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;\
    BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1";

/// The address of an endpoint's container, or what is wrong with its
/// connection, without any part of it.
pub(super) fn address(
    connection: &str,
    container: &str,
    now: Timestamp,
) -> Result<ContainerAddress, &'static str> {
    let url = if is_address(connection) {
        let url = Url::parse(connection).map_err(|_| "the container's address is not a URI")?;
        within(url, container)?
    } else {
        of_account(connection, container, now)?
    };
    Ok(ContainerAddress::new(url.into()))
}

/// Whether it begins with a scheme, not with the name of a setting.
fn is_address(text: &str) -> bool {
    text.split_once("://")
        .is_some_and(|(scheme, _)| !scheme.contains('='))
}

fn of_account(text: &str, container: &str, now: Timestamp) -> Result<Url, &'static str> {
    let settings = settings(text)?;
    let is_emulator = settings.get("usedevelopmentstorage");
    let settings = match is_emulator {
        Some(value) if value.eq_ignore_ascii_case("true") => self::settings(EMULATOR)?,
        _ => settings,
    };
    let setting = |name: &str| settings.get(name).copied();
    if container.is_empty() {
        return Err("the endpoint names no container");
    }
    let account = setting("accountname");
    let endpoint = match (setting("blobendpoint"), account) {
        (Some(endpoint), _) => endpoint.to_owned(),
        (None, Some(account)) => {
            let protocol = setting("defaultendpointsprotocol").unwrap_or("https");
            let suffix = setting("endpointsuffix").unwrap_or(DEFAULT_SUFFIX);
            format!("{protocol}://{account}.blob.{suffix}")
        }
        (None, None) => {
            return Err("the connection string has neither AccountName nor BlobEndpoint");
        }
    };
    let endpoint =
        Url::parse(&endpoint).map_err(|_| "the connection string's blob endpoint can't be used")?;
    let mut url = within(endpoint, container)?;
    match (
        setting("sharedaccesssignature"),
        account,
        setting("accountkey"),
    ) {
        (Some(signature), _, _) => url.set_query(Some(signature.trim_start_matches('?'))),
        (None, Some(account), Some(key)) => sign(&mut url, account, container, key, now)?,
        _ => {
            return Err(
                "the connection string has neither AccountName and AccountKey nor \
                 SharedAccessSignature",
            );
        }
    }
    Ok(url)
}

/// `Name=value;Name=value`, names in lower case. Values may hold `=`.
fn settings(text: &str) -> Result<HashMap<String, &str>, &'static str> {
    let fields = text.split(';').map(str::trim);
    let fields = fields.filter(|field| !field.is_empty());
    fields
        .map(|field| {
            let (name, value) = field
                .split_once('=')
                .ok_or("the connection string has a part that is not name=value")?;
            Ok((name.trim().to_ascii_lowercase(), value.trim()))
        })
        .collect()
}

/// The address of a container at an address, unless that names it already.
fn within(mut url: Url, container: &str) -> Result<Url, &'static str> {
    let last = |url: &Url| {
        let path = url.path().trim_end_matches('/');
        path.rsplit('/').next().unwrap_or_default().to_owned()
    };
    if !container.is_empty() && last(&url) != container {
        url.path_segments_mut()
            .map_err(|()| "the container's address is not one that has a path")?
            .pop_if_empty()
            .push(container);
    }
    Ok(url)
}

/// Adds a signature for the container to its address.
fn sign(
    url: &mut Url,
    account: &str,
    container: &str,
    key: &str,
    now: Timestamp,
) -> Result<(), &'static str> {
    let key = BASE64_STANDARD
        .decode(key)
        .map_err(|_| "the connection string's AccountKey is not base64: copy it as a whole")?;
    let expiry = now.plus(SIGNED_FOR).to_string();
    // Whole seconds: the service knows no seven fraction digits.
    let expiry = format!("{}Z", expiry.split('.').next().unwrap_or_default());
    let resource = format!("/blob/{account}/{container}");
    let covered = [
        SIGNED_RIGHTS,
        "", // from when
        &expiry,
        &resource,
        "", // stored policy
        "", // addresses
        "", // protocols
        SIGNED_VERSION,
        "c",
        "", // snapshot
        "", // encryption scope
        "", // five headers of answers
        "",
        "",
        "",
        "",
    ]
    .join("\n");
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let signature = BASE64_STANDARD.encode(hmac::sign(&key, covered.as_bytes()));
    url.query_pairs_mut()
        .clear()
        .append_pair("sv", SIGNED_VERSION)
        .append_pair("sr", "c")
        .append_pair("sp", SIGNED_RIGHTS)
        .append_pair("se", &expiry)
        .append_pair("sig", &signature);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_ticks(639_000_000_000_000_001);

    fn of(connection: &str, container: &str) -> Result<String, &'static str> {
        address(connection, container, NOW).map(|address| address.expose().to_owned())
    }

    #[test]
    fn a_key_signs_an_address_for_the_container_alone() {
        let connection = "DefaultEndpointsProtocol=https;AccountName=plant;AccountKey=c2VjcmV0;\
                          EndpointSuffix=core.windows.net";

        let address = of(connection, "telemetry").unwrap();

        let (place, query) = address.split_once('?').unwrap();
        assert_eq!(place, "https://plant.blob.core.windows.net/telemetry");
        assert!(
            query.starts_with("sv=2020-12-06&sr=c&sp=rcw&se=2025-11-29T12"),
            "{query}"
        );
        assert!(query.contains("Z&sig="), "{query}");
        assert!(!query.contains("c2VjcmV0"));
    }

    #[test]
    fn an_account_is_where_its_blob_endpoint_is() {
        let connection = "AccountName=devstoreaccount1;AccountKey=c2VjcmV0;\
                          BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;";

        let address = of(connection, "telemetry").unwrap();

        assert!(address.starts_with("http://127.0.0.1:10000/devstoreaccount1/telemetry?sv="));
    }

    #[test]
    fn the_emulator_of_this_machine_has_a_name_of_its_own() {
        let address = of("UseDevelopmentStorage=true;", "telemetry").unwrap();

        assert!(address.starts_with("http://127.0.0.1:10000/devstoreaccount1/telemetry?sv="));
        assert!(address.contains("&sig="));
    }

    #[test]
    fn a_signature_goes_along_as_it_is() {
        let connection = "blobendpoint=https://plant.blob.core.windows.net/;\
                          SharedAccessSignature=sv=2021-08-06&ss=b&sig=c2Vj%3D";

        assert_eq!(
            of(connection, "telemetry").unwrap(),
            "https://plant.blob.core.windows.net/telemetry?sv=2021-08-06&ss=b&sig=c2Vj%3D"
        );
    }

    #[test]
    fn an_address_names_its_container_or_gets_its_name() {
        let container = "https://plant.blob.core.windows.net/telemetry?sv=1&sig=x";
        let account = "https://plant.blob.core.windows.net?sv=1&sig=x";

        for (connection, name) in [
            (container, ""),
            (container, "telemetry"),
            (account, "telemetry"),
        ] {
            assert_eq!(
                of(connection, name).unwrap(),
                container,
                "{connection} {name}"
            );
        }
        assert_eq!(
            of("file:///srv/blobs", "hub").unwrap(),
            "file:///srv/blobs/hub"
        );
        assert_eq!(of("file:///srv/blobs/", "").unwrap(), "file:///srv/blobs/");
    }

    #[test]
    fn what_can_t_be_used_is_told_without_showing_it() {
        for (connection, container) in [
            ("", "telemetry"),
            ("AccountName=plant", "telemetry"),
            ("AccountName=plant;AccountKey=c2VjcmV0", ""),
            (
                "AccountName=plant;AccountKey=not base64 c2VjcmV0",
                "telemetry",
            ),
            ("AccountKey=c2VjcmV0", "telemetry"),
            ("AccountName=plant;c2VjcmV0", "telemetry"),
            (
                "BlobEndpoint=c2VjcmV0;SharedAccessSignature=sig=c2VjcmV0",
                "telemetry",
            ),
            ("https://:c2VjcmV0", "telemetry"),
        ] {
            let refused = of(connection, container).unwrap_err();

            assert!(!refused.contains("c2VjcmV0"), "{refused}");
        }
    }
}
