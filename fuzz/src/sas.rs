//! Tokens and connection strings.

use twinhub_sas::{ConnectionString, MAX_TOKEN_LENGTH, ResourcePath, SasToken, SigningKey};

/// A token that parses can be signed anew from its parts, and means the same.
pub fn sas_token(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(token) = SasToken::parse(text) else {
        return;
    };
    assert!(text.len() <= MAX_TOKEN_LENGTH);
    assert!(text.contains(token.resource()), "sr is kept as received");
    if let Ok(path) = token.resource_path() {
        covers_itself_and_below(&path);
    }
    if let Ok(resource) = token.decoded_resource() {
        survives_signing(&token, &resource);
    }
}

fn covers_itself_and_below(path: &ResourcePath) {
    assert!(!path.host().is_empty());
    let segments: Vec<_> = path.segments().collect();
    assert!(path.covers(path.host(), &segments));
    assert!(path.covers_ignoring_case(&path.host().to_ascii_uppercase(), &segments));

    let below: Vec<_> = segments.iter().copied().chain(["below"]).collect();
    assert!(path.covers(path.host(), &below));
    if let Some((_, above)) = segments.split_last() {
        assert!(!path.covers(path.host(), above));
    }
}

fn survives_signing(token: &SasToken<'_>, resource: &str) {
    let key = SigningKey::from_text("fuzzing").expect("the key is not empty");
    let text = SasToken::sign(resource, &key, token.policy_name(), token.expiry());
    if text.len() > MAX_TOKEN_LENGTH {
        // Encoding has made it longer than it came.
        return;
    }
    let again = SasToken::parse(&text).expect("what we sign parses");
    assert!(again.verify(&key));
    assert_eq!(again.decoded_resource().as_deref(), Ok(resource));
    assert_eq!(again.expiry(), token.expiry());
    assert_eq!(again.policy_name(), token.policy_name());
}

/// A connection string that parses is written in a form that parses to the same.
pub fn connection_string(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(parsed) = ConnectionString::parse(text) else {
        return;
    };
    let written = parsed.to_string();
    assert_eq!(ConnectionString::parse(&written).as_ref(), Ok(&parsed));
    assert!(parsed.device_id().is_some() || parsed.policy_name().is_some());
}
