//! The tokens of a connection, by what they were signed for.

use std::collections::HashMap;
use std::sync::Arc;

use twinhub_core::access::TokenFacts;
use twinhub_core::time::Timestamp;

/// The longest resource that a token is found by. Those of readers have five
/// segments: `{entity}/consumergroups/{group}/partitions/{n}`.
const LONGEST_RESOURCE: usize = 8;

/// The tokens of a connection. Of each signer there is one for each resource;
/// a newer one replaces it.
#[derive(Default)]
pub(super) struct Tokens {
    /// See [`key_of`]; never empty.
    by_resource: HashMap<String, Vec<Token>>,
    count: usize,
}

/// A token that was good when it came.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) text: Arc<str>,
    signer: Option<String>,
    expires: Timestamp,
}

/// There are as many tokens as may be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Tokens {
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Keeps a token. If there are `max`, those that have expired make room.
    pub(super) fn keep(
        &mut self,
        text: &str,
        facts: &TokenFacts,
        max: usize,
        now: Timestamp,
    ) -> Result<(), Full> {
        let segments: Vec<&str> = facts.resource.iter().map(String::as_str).collect();
        let key = key_of(&segments);
        let token = Token {
            text: text.into(),
            signer: facts.policy.as_ref().map(|policy| policy.folded()),
            expires: facts.expires,
        };
        let mut same = self.by_resource.get_mut(&key).into_iter().flatten();
        if let Some(old) = same.find(|old| old.signer == token.signer) {
            *old = token;
            return Ok(());
        }
        if self.count >= max {
            self.forget_expired(now);
        }
        if self.count >= max {
            return Err(Full);
        }
        self.by_resource.entry(key).or_default().push(token);
        self.count += 1;
        Ok(())
    }

    /// The tokens whose resource is a beginning of the path, the closest
    /// first.
    pub(super) fn covering(&self, path: &[&str]) -> Vec<Token> {
        let longest = path.len().min(LONGEST_RESOURCE);
        let keys = (0..=longest).rev().map(|length| key_of(&path[..length]));
        keys.filter_map(|key| self.by_resource.get(&key))
            .flatten()
            .cloned()
            .collect()
    }

    /// When the last of them ends.
    pub(super) fn last_expiry(&self) -> Option<Timestamp> {
        let tokens = self.by_resource.values().flatten();
        tokens.map(|token| token.expires).max()
    }

    fn forget_expired(&mut self, now: Timestamp) {
        self.by_resource.retain(|_, tokens| {
            tokens.retain(|token| token.expires > now);
            !tokens.is_empty()
        });
        self.count = self.by_resource.values().map(Vec::len).sum();
    }
}

/// IDs have case, the entities of readers have none.
fn key_of(segments: &[&str]) -> String {
    let joined = segments.join("/");
    match segments {
        ["devices", ..] => joined,
        _ => joined.to_lowercase(),
    }
}
