//! The cookie that names a session.
//!
//! Its prefix makes browsers refuse it unless it is secure, of this host alone
//! and for all paths. Lax, so that a link from a mail or a terminal leads to
//! the page and not to the sign-in; changes carry a token of their own.

use http::{HeaderMap, HeaderValue, header};

use crate::secret::Secret;

/// <https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Set-Cookie#cookie_prefixes>
const NAME: &str = "__Host-twinhub";

/// What a browser sends: the last one counts, since there can be one only.
pub fn of(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .filter(|(name, _)| *name == NAME)
        .map(|(_, value)| value)
        .next_back()
}

/// Makes a browser keep it until it is closed.
pub fn set(session: &Secret) -> HeaderValue {
    cookie(session.expose(), "")
}

/// Makes a browser forget it.
pub fn removed() -> HeaderValue {
    cookie("", "; Max-Age=0")
}

fn cookie(value: &str, more: &str) -> HeaderValue {
    let text = format!("{NAME}={value}; Path=/; Secure; HttpOnly; SameSite=Lax{more}");
    HeaderValue::try_from(text).expect("base64url has no letter that a header can't have")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        let sent = "other=1; __Host-twinhub=abc; twinhub=2";
        headers.insert(header::COOKIE, HeaderValue::from_static(sent));

        assert_eq!(of(&headers), Some("abc"));
        assert_eq!(of(&HeaderMap::new()), None);
    }

    #[test]
    fn a_cookie_is_for_this_host_and_not_for_scripts() {
        let set = set(&Secret::of("abc"));

        assert_eq!(
            set,
            "__Host-twinhub=abc; Path=/; Secure; HttpOnly; SameSite=Lax"
        );
    }
}
