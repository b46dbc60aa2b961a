//! What stands before every page: who is not signed in is led to the sign-in,
//! and a change must come from a page of ours.

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use tokio::time::{Duration, timeout};

use crate::client::{Client, encoded};
use crate::cookie;
use crate::doors;
use crate::failure::{self, Failure};
use crate::fields::Fields;
use crate::portal::{Inner, Visitor};
use crate::visit::Visit;

/// The largest form: a twin, or the routes of a hub, and some room.
const MAX_FORM: usize = 1024 * 1024;
/// How long a form may take to arrive.
const FORM_DEADLINE: Duration = Duration::from_secs(30);
/// After how many seconds one may try again, unless it is known better.
const RETRY_AFTER: u64 = 5;
/// Where one signs out, which needs no page to come back to.
const SIGN_OUT: &str = "/portal/sign-out";
/// Where scripts show the number that forms have as the field `csrf`.
const CSRF_HEADER: &str = "x-csrf-token";

/// Nothing but our own files and calls; no frame around a page of ours.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; \
     frame-ancestors 'none'";

/// Lets in who is signed in, with their [`Visit`].
pub async fn admit(State(portal): State<Inner>, mut request: Request, next: Next) -> Response {
    let known = cookie::of(request.headers()).map(|id| portal.sessions.find(id));
    let session = match known {
        Some(Some(session)) => session,
        Some(None) => return led_to_sign_in(&request, "over"),
        None => return led_to_sign_in(&request, ""),
    };
    let Some(visitor) = request.extensions().get::<Visitor>().cloned() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let client = Client::new(
        portal.hub.clone(),
        session.credential.clone(),
        session.host.clone(),
        visitor.clone(),
    );
    let visit = match Visit::begin(session.clone(), client).await {
        Ok(visit) => visit,
        // The page that is shown next tells why, so a script ends nothing.
        Err(error)
            if error.status() == StatusCode::UNAUTHORIZED && is_by_script(request.headers()) =>
        {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        Err(error) if error.status() == StatusCode::UNAUTHORIZED => {
            portal.sessions.end(&session);
            let mut led = led_to_sign_in(&request, "ended");
            led.headers_mut()
                .insert(header::SET_COOKIE, cookie::removed());
            return led;
        }
        Err(error) => return (error.status(), error.to_string()).into_response(),
    };
    visitor.admitted();
    let visit = match is_by_script(request.headers()) {
        true => visit.for_part(),
        false => visit,
    };
    request.extensions_mut().insert(visit.clone());
    if let Some(error) = doors::refusal(request.uri().path(), visit.rights()) {
        return visit.failed(error).into_response();
    }
    match *request.method() {
        Method::GET | Method::HEAD => return next.run(request).await,
        Method::POST => {}
        _ => {
            let mut refusal = failure::not_so(visit).await.into_response();
            let allowed = HeaderValue::from_static("GET, HEAD, POST");
            refusal.headers_mut().insert(header::ALLOW, allowed);
            return refusal;
        }
    }
    match from_a_page_of_ours(request, &visit).await {
        Ok(request) => next.run(request).await,
        Err(refusal) => refusal,
    }
}

/// Whether a script of ours asks, and not a browser for a page to show.
fn is_by_script(headers: &HeaderMap) -> bool {
    let destination = headers.get("sec-fetch-dest");
    headers.contains_key(CSRF_HEADER) || destination.is_some_and(|fetched| fetched == "empty")
}

/// Pages lead to the sign-in and back; what scripts ask for is refused. A change
/// is not repeated after the sign-in: it leads back to the page with its form.
fn led_to_sign_in(request: &Request, why: &str) -> Response {
    let is_page = request
        .headers()
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    if !is_page || is_by_script(request.headers()) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let (to, why) = match *request.method() {
        Method::GET => (
            request.uri().path_and_query().map_or("", |to| to.as_str()),
            why,
        ),
        _ if request.uri().path() == SIGN_OUT => ("", "out"),
        _ => (came_from(request.headers()).unwrap_or_default(), "unsaved"),
    };
    let address = format!("/portal/sign-in?to={}&why={why}", encoded(to));
    Redirect::to(&address).into_response()
}

/// The page of ours that a request came from: path and query.
fn came_from(headers: &HeaderMap) -> Option<&str> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let from = headers.get(header::REFERER)?.to_str().ok()?;
    let path = from.strip_prefix("https://")?.strip_prefix(host)?;
    path.starts_with("/portal").then_some(path)
}

/// Reads the form, and looks for the session's number in it or beside it.
async fn from_a_page_of_ours(request: Request, visit: &Visit) -> Result<Request, Response> {
    let forged = |headers: &HeaderMap| {
        let sentence = "this form is not from a page of your session: load its page anew and \
                        send it again";
        Failure::refused(visit, StatusCode::FORBIDDEN, sentence, came_from(headers)).into_response()
    };
    if !is_same_origin(request.headers()) {
        return Err(forged(request.headers()));
    }
    let session = visit.session();
    let (head, body) = request.into_parts();
    let body = read(body, MAX_FORM).await.map_err(|(status, sentence)| {
        Failure::refused(visit, status, &sentence, came_from(&head.headers)).into_response()
    })?;
    let shown = head.headers.get(CSRF_HEADER);
    let is_ours = match shown.and_then(|shown| shown.to_str().ok()) {
        Some(shown) => session.csrf.is(shown),
        None => session.csrf.is(Fields::parse(&body).get("csrf")),
    };
    match is_ours {
        true => Ok(Request::from_parts(head, Body::from(body))),
        false => Err(forged(&head.headers)),
    }
}

/// A form's body, of at most so many bytes, and in time.
pub async fn read(body: Body, limit: usize) -> Result<Bytes, (StatusCode, String)> {
    match timeout(FORM_DEADLINE, to_bytes(body, limit)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(_)) => {
            let sentence = format!("this form has at most {limit} bytes: send less at once");
            Err((StatusCode::PAYLOAD_TOO_LARGE, sentence))
        }
        Err(_) => {
            let sentence = "the form did not arrive in time: send it again".to_owned();
            Err((StatusCode::REQUEST_TIMEOUT, sentence))
        }
    }
}

/// Whether a browser says that another site is behind the request.
pub fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if text(HeaderName::from_static("sec-fetch-site"))
        .is_some_and(|site| !matches!(site, "same-origin" | "none"))
    {
        return false;
    }
    match (text(header::ORIGIN), text(header::HOST)) {
        (Some(origin), Some(host)) => origin
            .strip_prefix("https://")
            .is_some_and(|origin| origin.eq_ignore_ascii_case(host)),
        (Some(_), None) => false,
        (None, _) => true,
    }
}

/// What every answer of the portal carries.
pub async fn secure(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "same-origin");
    set(
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    );
    set(
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    );
    // Who is asked to come again is told when.
    let is_later = matches!(
        response.status(),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    );
    let headers = response.headers_mut();
    if is_later {
        let seconds = HeaderValue::from(RETRY_AFTER);
        headers.entry(header::RETRY_AFTER).or_insert(seconds);
    }
    // Pages have keys in them, and go with the session.
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                let name = HeaderName::from_static(name);
                (name, HeaderValue::from_static(value))
            })
            .collect()
    }

    #[test]
    fn a_request_of_another_site_is_told_by_what_browsers_say() {
        for (sent, is_ours) in [
            (headers(&[("host", "hub")]), true),
            (headers(&[("host", "hub"), ("origin", "https://hub")]), true),
            (
                headers(&[("host", "hub:8443"), ("origin", "https://HUB:8443")]),
                true,
            ),
            (headers(&[("host", "hub"), ("origin", "http://hub")]), false),
            (headers(&[("host", "hub"), ("origin", "null")]), false),
            (
                headers(&[("host", "hub"), ("origin", "https://evil.example")]),
                false,
            ),
            (
                headers(&[("host", "hub"), ("sec-fetch-site", "same-origin")]),
                true,
            ),
            (
                headers(&[("host", "hub"), ("sec-fetch-site", "same-site")]),
                false,
            ),
            (
                headers(&[("host", "hub"), ("sec-fetch-site", "cross-site")]),
                false,
            ),
        ] {
            assert_eq!(is_same_origin(&sent), is_ours, "{sent:?}");
        }
    }

    #[test]
    fn a_form_came_from_a_page_of_ours_or_from_nowhere() {
        let from = |referer| {
            let headers = headers(&[("host", "hub"), ("referer", referer)]);
            came_from(&headers).map(str::to_owned)
        };

        assert_eq!(
            from("https://hub/portal/device?id=a").as_deref(),
            Some("/portal/device?id=a")
        );
        for elsewhere in [
            "https://hub.example/portal",
            "https://evil/portal",
            "http://hub/portal",
            "https://hub/elsewhere",
        ] {
            assert_eq!(from(elsewhere), None, "{elsewhere}");
        }
    }
}
