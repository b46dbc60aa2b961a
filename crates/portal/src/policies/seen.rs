//! Changes of policies, made only to what was seen: forms carry the hub's ETag
//! as it was when they were shown.

use http::{Method, StatusCode};

use super::change::{Change, changed};
use super::document::{Policies, read};
use crate::client::{ApiError, Call};
use crate::failure::Failure;
use crate::fields::Fields;
use crate::refused::Refused;
use crate::visit::Visit;

/// The hub as a form shows it: its ETag, which any change of a policy changes.
pub async fn seen(visit: &Visit) -> Result<String, ApiError> {
    let hub = visit.call(Call::resource(Method::GET, [])).await?.json()?;
    Ok(hub["etag"].as_str().unwrap_or_default().to_owned())
}

/// The same, for a page. It is read before what the page shows: what changes
/// in between is told later, not lost.
pub async fn seen_by(visit: &Visit) -> Result<String, Failure> {
    seen(visit).await.map_err(|error| visit.failed(error))
}

/// Changes the policies, unless the hub is another than was seen.
pub async fn change(visit: &Visit, seen: &str, change: &Change) -> Result<(), Refused> {
    let wanted = changed(&read(visit).await?, change)?;
    let put = Call::resource(Method::PUT, []).if_match(seen).json(&wanted);
    visit.call(put).await?;
    Ok(())
}

/// A change of a policy as it stands in a form, with what the form has shown.
pub async fn change_shown(visit: &Visit, fields: &Fields, wanted: &Change) -> Result<(), Refused> {
    match change(visit, fields.get("seen"), wanted).await {
        Err(refused) if refused.status == StatusCode::PRECONDITION_FAILED => {
            Err(not_as_shown(&read(visit).await?, wanted.name()))
        }
        done => done,
    }
}

/// What stands now, for who was about to change something else.
fn not_as_shown(policies: &Policies, name: &str) -> Refused {
    let mut policies = policies.all().iter();
    let now = match policies.find(|policy| policy.key_name == name) {
        Some(policy) => format!("Policy {name} has these rights now: {}.", policy.rights),
        None => format!("Policy {name} is deleted."),
    };
    Refused {
        status: StatusCode::CONFLICT,
        sentence: format!(
            "Nothing is changed yet: somebody has changed the hub's policies or settings since \
             this page was shown. {now} Look whether you still want this, then send it again."
        ),
        code: None,
    }
}

/// Who was told what stands now has seen it; else it is what it was.
pub async fn seen_again(
    visit: &Visit,
    fields: &Fields,
    refused: &Refused,
) -> Result<String, Failure> {
    match refused.status {
        StatusCode::CONFLICT => seen_by(visit).await,
        _ => Ok(fields.get("seen").to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_saw_something_else_is_told_what_stands_now() {
        let policies: Policies = serde_json::from_value(json!({ "value": [
            { "keyName": "a", "primaryKey": "p", "secondaryKey": "s", "rights": "RegistryRead" },
        ]}))
        .unwrap();

        let changed = not_as_shown(&policies, "a");
        let deleted = not_as_shown(&policies, "b");

        assert_eq!(changed.status, StatusCode::CONFLICT);
        assert!(changed.sentence.contains("these rights now: RegistryRead."));
        assert!(deleted.sentence.contains("Policy b is deleted."));
    }
}
