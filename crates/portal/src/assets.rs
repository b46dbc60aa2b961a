//! The portal's files: its style, its scripts, its icon.
//!
//! They are part of the binary. Their address has a fingerprint of what is in
//! them, so browsers keep them for a year and yet never show an old one.

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
    asset!("icon.svg", "image/svg+xml"),
];

/// The address of a file.
pub fn address(name: &str) -> String {
    match ASSETS.iter().find(|asset| asset.name == name) {
        Some(asset) => format!("/portal/assets/{name}?v={:08x}", fingerprint(asset.content)),
        None => format!("/portal/assets/{name}"),
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
            (headers, asset.content).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// FNV-1a: it tells versions apart, and guards nothing.
const fn fingerprint(content: &str) -> u32 {
    let bytes = content.as_bytes();
    let mut hash: u32 = 0x811c_9dc5;
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
        assert_ne!(fingerprint("a"), fingerprint("b"));
    }
}
