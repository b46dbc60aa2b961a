//! Changes to a hub's routing.
//!
//! Routing is a member of the hub's resource. A change reads the hub, changes
//! one item and writes it under the hub's ETag; what somebody else has changed
//! meanwhile elsewhere in it stays. A form holds the item as it was shown: if
//! that is not what stands any more, nothing is written.

use http::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::document::{self, Routing};
use crate::client::{ApiError, Call};
use crate::failure::Failure;
use crate::fields::Fields;
use crate::visit::Visit;

/// How often a change is tried when others write the hub at the same time.
const ATTEMPTS: usize = 5;

/// The item is not what the form was about.
#[derive(Debug, PartialEq)]
pub struct Stale<T> {
    /// What it is now, unless it is gone.
    pub now: Option<T>,
}

/// Why nothing was changed.
#[derive(Debug)]
pub enum NotChanged<T> {
    /// Somebody else was quicker.
    Stale(Stale<T>),
    /// The API refused it.
    Refused(ApiError),
}

impl<T> From<Stale<T>> for NotChanged<T> {
    fn from(stale: Stale<T>) -> Self {
        NotChanged::Stale(stale)
    }
}

impl<T> From<ApiError> for NotChanged<T> {
    fn from(error: ApiError) -> Self {
        NotChanged::Refused(error)
    }
}

/// Changes what is set: `decide` is asked again with what stands then, if the
/// hub was written by somebody else between reading and writing.
pub async fn change<T>(
    visit: &Visit,
    decide: impl Fn(&mut Routing) -> Result<(), Stale<T>>,
) -> Result<(), NotChanged<T>> {
    let mut attempts = 1;
    loop {
        let (etag, mut routing) = document::read_hub(visit).await?;
        decide(&mut routing)?;
        let body = json!({ "properties": { "routing": routing } });
        let write = Call::resource(Method::PUT, []).if_match(&etag);
        match visit.call(write.json(&body)).await {
            Ok(_) => return Ok(()),
            Err(error)
                if error.status() == StatusCode::PRECONDITION_FAILED && attempts < ATTEMPTS =>
            {
                attempts += 1;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Takes an item out, in the same way. What is gone need not be deleted; what
/// is not as it was shown stays, and comes back as it is now.
pub async fn delete<T>(
    visit: &Visit,
    decide: impl Fn(&mut Routing) -> Result<(), Stale<T>>,
) -> Result<Option<T>, ApiError> {
    match change(visit, decide).await {
        Ok(()) => Ok(None),
        Err(NotChanged::Stale(stale)) => Ok(stale.now),
        Err(NotChanged::Refused(error)) => Err(error),
    }
}

/// Puts an item into a list: a new one if there was none, or in place of the
/// one that was seen; `None` takes that out.
pub fn put<T: PartialEq + Clone>(
    items: &mut Vec<T>,
    is_it: impl Fn(&T) -> bool,
    seen: Option<&T>,
    wanted: Option<T>,
) -> Result<(), Stale<T>> {
    let Some(seen) = seen else {
        items.extend(wanted);
        return Ok(());
    };
    let Some(at) = items.iter().position(is_it) else {
        return Err(Stale { now: None });
    };
    if items[at] != *seen {
        let now = Some(items[at].clone());
        return Err(Stale { now });
    }
    match wanted {
        Some(wanted) => items[at] = wanted,
        None => {
            items.remove(at);
        }
    }
    Ok(())
}

/// What a form's field `seen` holds: the item as it was shown, or nothing of a
/// new one.
pub fn seen<T: Serialize>(item: Option<&T>) -> String {
    item.and_then(|item| serde_json::to_string(item).ok())
        .unwrap_or_default()
}

/// Reads the field `seen`; a new item was not seen.
pub fn was_seen<T: DeserializeOwned>(fields: &Fields) -> Option<T> {
    serde_json::from_str(fields.get("seen")).ok()
}

/// What the form was about: one that was made of nothing is refused.
pub fn shown<T: DeserializeOwned>(visit: &Visit, fields: &Fields) -> Result<T, Failure> {
    was_seen(fields).ok_or_else(|| {
        let sentence = "the form does not say what it is about: open its page again";
        Failure::invalid(visit, sentence)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_that_is_as_it_was_seen_is_replaced_or_taken_out() {
        let mut items = vec!["a1", "b1"];

        put(
            &mut items,
            |it| it.starts_with('a'),
            Some(&"a1"),
            Some("a2"),
        )
        .unwrap();
        put(&mut items, |it| it.starts_with('b'), Some(&"b1"), None).unwrap();
        put(&mut items, |_| false, None, Some("c1")).unwrap();

        assert_eq!(items, ["a2", "c1"]);
    }

    #[test]
    fn an_item_that_somebody_has_changed_stays_and_is_told() {
        let mut items = vec!["a2"];

        let changed = put(
            &mut items,
            |it| it.starts_with('a'),
            Some(&"a1"),
            Some("mine"),
        );
        let gone = put(&mut items, |it| it.starts_with('b'), Some(&"b1"), None);

        assert_eq!(changed, Err(Stale { now: Some("a2") }));
        assert_eq!(gone, Err(Stale { now: None }));
        assert_eq!(items, ["a2"]);
    }

    #[test]
    fn what_a_form_was_about_comes_back_with_it() {
        let item = vec!["a\"b".to_owned()];
        let sent = format!("seen={}", crate::client::encoded(&seen(Some(&item))));

        assert_eq!(was_seen(&Fields::parse(sent.as_bytes())), Some(item));
        assert_eq!(seen::<Vec<String>>(None), "");
        assert_eq!(was_seen::<Vec<String>>(&Fields::parse(b"seen=")), None);
    }
}
