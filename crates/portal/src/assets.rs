//! The portal's files: its style, its scripts, its icon.
//!
//! They are part of the binary. Their addresses have a fingerprint of what is
//! in all of them, so browsers keep them for a year and yet never show an old
//! one; scripts that import others (`from "./portal.js"`) import them by the
//! same addresses, so that no module is there twice.

use std::borrow::Cow;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};

/// A file.
struct Asset {
    name: &'static str,
    content_type: &'static str,
    content: &'static str,
}

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! asset {
    ($name:literal, $content_type:expr) => {
        Asset {
            name: $name,
            content_type: $content_type,
            content: include_str!(concat!("../assets/", $name)),
        }
    };
}

const ASSETS: &[Asset] = &[
    asset!("portal.css", CSS),
    asset!("portal.js", SCRIPT),
    asset!("files.js", SCRIPT),
    asset!("events.css", CSS),
    asset!("events.js", SCRIPT),
    asset!("event-line.js", SCRIPT),
    asset!("event-look.js", SCRIPT),
    asset!("event-stream.js", SCRIPT),
    asset!("query.css", CSS),
    asset!("query.js", SCRIPT),
    asset!("json.js", SCRIPT),
    asset!("keys.js", SCRIPT),
    asset!("twin.js", SCRIPT),
    asset!("icon.svg", "image/svg+xml"),
];

/// Changes with each file.
const FINGERPRINT: u32 = {
    let (mut hash, mut at) = (0, 0);
    while at < ASSETS.len() {
        hash = fingerprint(hash, ASSETS[at].content);
        at += 1;
    }
    hash
};

impl Asset {
    /// What is sent: imports name the addresses.
    fn served(&self) -> Cow<'static, str> {
        let scripts = ASSETS.iter().filter(|asset| asset.content_type == SCRIPT);
        scripts.fold(
            Cow::Borrowed(self.content),
            |content, Asset { name, .. }| {
                let import = format!("from \"./{name}\"");
                match content.contains(&import) {
                    true => content
                        .replace(&import, &format!("from \"{}\"", address(name)))
                        .into(),
                    false => content,
                }
            },
        )
    }
}

/// The address of a file.
pub fn address(name: &str) -> String {
    match ASSETS.iter().any(|asset| asset.name == name) {
        true => format!("/portal/assets/{name}?v={FINGERPRINT:08x}"),
        false => format!("/portal/assets/{name}"),
    }
}

/// `GET /portal/assets/{name}`
pub async fn get(Path(name): Path<String>) -> Response {
    match ASSETS.iter().find(|asset| asset.name == name) {
        Some(asset) => {
            let headers = [
                (header::CONTENT_TYPE, asset.content_type),
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
            ];
            (headers, asset.served().into_owned()).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// FNV-1a: it tells versions apart, and guards nothing.
const fn fingerprint(seed: u32, content: &str) -> u32 {
    let bytes = content.as_bytes();
    let mut hash = seed;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_changes_with_the_content() {
        assert!(address("portal.css").starts_with("/portal/assets/portal.css?v="));
        assert_ne!(fingerprint(1, "a"), fingerprint(1, "b"));
    }

    #[test]
    fn no_script_imports_a_file_by_another_address_than_pages_have() {
        for asset in ASSETS {
            let served = asset.served();
            assert!(
                !served.contains("\"./"),
                "{} imports what is no asset",
                asset.name
            );
        }
    }
}
