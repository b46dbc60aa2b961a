//! What the target of an endpoint may be. Whether somebody is there, and lets
//! the hub in, only the first delivery tells.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::routing::endpoint::{
    AmqpKind, AmqpTarget, EndpointTarget, NatsTarget, StorageTarget, WebhookTarget,
};

/// How long a blob may collect events.
const BATCH_FREQUENCY: RangeInclusive<Duration> =
    Duration::from_secs(60)..=Duration::from_secs(720);
/// How large a blob may grow.
const CHUNK_BYTES: RangeInclusive<u64> = 10_485_760..=524_288_000;
/// What every file name format holds.
const FILE_NAME_TOKENS: [&str; 7] = [
    "{iothub}",
    "{partition}",
    "{YYYY}",
    "{MM}",
    "{DD}",
    "{HH}",
    "{mm}",
];
/// What subjects of NATS may hold.
const SUBJECT_TOKENS: [&str; 3] = ["{iothub}", "{deviceid}", "{moduleid}"];
/// The longest connection string, address, subject and file name format.
const MAX_TEXT: usize = 4_096;
/// The most headers of a webhook.
const MAX_HEADERS: usize = 20;
/// Headers that the hub sets itself.
const OWN_HEADERS: [&str; 6] = [
    "host",
    "content-length",
    "content-type",
    "transfer-encoding",
    "connection",
    "webhook-request-origin",
];

pub(super) fn check(target: &EndpointTarget) -> Result<(), String> {
    match target {
        EndpointTarget::Storage(storage) => check_storage(storage),
        EndpointTarget::Amqp(amqp) => check_amqp(amqp),
        EndpointTarget::Webhook(webhook) => check_webhook(webhook),
        EndpointTarget::Nats(nats) => check_nats(nats),
    }
}

fn check_storage(storage: &StorageTarget) -> Result<(), String> {
    let connection = storage.connection.expose();
    require_text("connectionString", connection)?;
    let is_address = is_address(connection, &["https", "http", "file"]);
    let lowered = connection.to_ascii_lowercase();
    let is_account = lowered.contains("accountname=") || lowered.contains("blobendpoint=");
    let is_emulator = lowered.starts_with("usedevelopmentstorage=true");
    require(is_address || is_account || is_emulator, || {
        "connectionString is a storage account's, or the address of a container with its \
         signature, or file:// and a folder"
    })?;
    require(
        is_address || is_container(&storage.container),
        || "containerName has 3 to 63 lower-case letters, digits and single hyphens",
    )?;
    require(
        storage.container.is_empty() || is_container(&storage.container),
        || "containerName has 3 to 63 lower-case letters, digits and single hyphens",
    )?;
    require(
        BATCH_FREQUENCY.contains(&storage.batch_frequency),
        || "batchFrequencyInSeconds is 60 to 720",
    )?;
    require(
        CHUNK_BYTES.contains(&storage.max_chunk_bytes),
        || "maxChunkSizeInBytes is 10485760 to 524288000",
    )?;
    check_file_name_format(&storage.file_name_format)
}

fn check_file_name_format(format: &str) -> Result<(), String> {
    require_text("fileNameFormat", format)?;
    let mut rest = format.to_owned();
    for token in FILE_NAME_TOKENS {
        require(format.contains(token), || {
            format!("fileNameFormat lacks {token}")
        })?;
        rest = rest.replace(token, "0");
    }
    require(!rest.contains(['{', '}']), || {
        format!(
            "fileNameFormat holds something else in braces than {}",
            FILE_NAME_TOKENS.join(" ")
        )
    })?;
    // A folder on this machine may be the container.
    let is_step = |segment: &str| matches!(segment, "" | "." | "..");
    require(
        !rest.contains('\\') && !rest.split('/').any(is_step),
        || "fileNameFormat is a path without empty steps, . and ..",
    )
}

/// <https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata>
fn is_container(name: &str) -> bool {
    let is_allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (3..=63).contains(&name.len())
        && name.bytes().all(is_allowed)
        && name.split('-').all(|part| !part.is_empty())
}

fn check_amqp(amqp: &AmqpTarget) -> Result<(), String> {
    let connection = amqp.connection.expose();
    require_text("connectionString", connection)?;
    require_text("the entity path or address", &amqp.address)?;
    match amqp.kind {
        AmqpKind::ServiceBusQueue | AmqpKind::ServiceBusTopic | AmqpKind::EventHub => {
            let has = |name: &str| {
                let mut parts = connection
                    .split(';')
                    .filter_map(|part| part.split_once('='));
                parts.any(|(known, value)| {
                    known.trim().eq_ignore_ascii_case(name) && !value.is_empty()
                })
            };
            let parts = ["Endpoint", "SharedAccessKeyName", "SharedAccessKey"];
            for part in parts {
                require(has(part), || format!("connectionString lacks {part}"))?;
            }
            let named = amqp.entity_path().unwrap_or(&amqp.address);
            require(
                named == amqp.address,
                || "entityPath and the EntityPath of connectionString differ",
            )
        }
        AmqpKind::Queue => require(is_one_address(connection, &["amqps", "amqp"]), || {
            "connectionString is amqps:// or amqp://, user:password@ if wanted, and a host; \
             / and @ in a password are written %2F and %40"
        }),
    }
}

fn check_webhook(webhook: &WebhookTarget) -> Result<(), String> {
    let url = webhook.url.expose();
    require_text("url", url)?;
    require(
        is_address(url, &["https", "http"]),
        || "url is an https:// or http:// address",
    )?;
    require(webhook.headers.len() <= MAX_HEADERS, || {
        format!("a webhook has at most {MAX_HEADERS} headers")
    })?;
    let mut seen = Vec::new();
    for (name, value) in &webhook.headers {
        let lowered = name.to_ascii_lowercase();
        require(is_header_name(name), || {
            format!("{name:?} is not the name of a header")
        })?;
        require(!OWN_HEADERS.contains(&lowered.as_str()), || {
            format!("the hub sets the header {name} itself")
        })?;
        require(!seen.contains(&lowered), || {
            format!("the header {name} is given twice")
        })?;
        require_text(name, value.expose())?;
        seen.push(lowered);
    }
    Ok(())
}

fn is_header_name(name: &str) -> bool {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    (1..=128).contains(&name.len()) && name.bytes().all(is_allowed)
}

fn check_nats(nats: &NatsTarget) -> Result<(), String> {
    let servers = nats.servers.expose();
    require_text("servers", servers)?;
    let mut addresses = servers.split(',');
    require(
        addresses.all(|address| is_one_address(address.trim(), &["nats", "tls"])),
        || {
            "servers are nats:// or tls:// addresses with commas between them; / and @ in a \
             password are written %2F and %40"
        },
    )?;
    check_subject(&nats.subject)
}

fn check_subject(subject: &str) -> Result<(), String> {
    require_text("subject", subject)?;
    let plain = SUBJECT_TOKENS
        .iter()
        .fold(subject.to_owned(), |rest, token| rest.replace(token, "x"));
    let is_token = |token: &str| {
        !token.is_empty() && !token.contains(|c: char| c.is_whitespace() || "*>{}".contains(c))
    };
    require(plain.split('.').all(is_token), || {
        format!(
            "subject has names with dots between them, without wildcards and blanks; {} may \
             stand in it",
            SUBJECT_TOKENS.join(" ")
        )
    })
}

fn is_address(text: &str, schemes: &[&str]) -> bool {
    text.split_once("://").is_some_and(|(scheme, rest)| {
        schemes
            .iter()
            .any(|known| known.eq_ignore_ascii_case(scheme))
            && !rest.is_empty()
            && !text.contains(char::is_whitespace)
    })
}

/// An address in which every `@` ends the user's name and password.
fn is_one_address(text: &str, schemes: &[&str]) -> bool {
    let authority_first = || {
        let rest = text.split_once("://").map_or("", |(_, rest)| rest);
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let host = authority.rsplit('@').next().unwrap_or_default();
        !path.contains('@') && !host.is_empty()
    };
    is_address(text, schemes) && authority_first()
}

fn require_text(name: &str, text: &str) -> Result<(), String> {
    require(!text.trim().is_empty(), || format!("{name} is missing"))?;
    require(text.len() <= MAX_TEXT, || {
        format!("{name} has at most {MAX_TEXT} bytes")
    })?;
    require(!text.chars().any(char::is_control), || {
        format!("{name} has no control characters")
    })
}

fn require<P: Into<String>>(holds: bool, problem: impl FnOnce() -> P) -> Result<(), String> {
    if holds { Ok(()) } else { Err(problem().into()) }
}
