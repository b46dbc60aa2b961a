//! Bodies that can stand in a document of JSON as they are.

use twinhub_core::events::EventRef;
use twinhub_core::messages::SystemProperty;

/// The body, if its sender says that it is JSON of one of these types in
/// UTF-8, and it is. What is said beside the type counts as little as where
/// conditions ask for the body.
pub(crate) fn body<'a>(event: &EventRef<'a>, types: &[&str]) -> Option<&'a str> {
    let said = |property| event.system_property(property).unwrap_or_default();
    let named = said(SystemProperty::ContentType).split(';').next();
    let named = named.unwrap_or_default().trim();
    let encoding = said(SystemProperty::ContentEncoding).trim();
    let is_said = types.iter().any(|known| named.eq_ignore_ascii_case(known))
        && encoding.eq_ignore_ascii_case("utf-8");
    let text = std::str::from_utf8(event.body()).ok().filter(|_| is_said)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let is_json = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    is_json.then_some(text)
}
