//! What stands before the pages, with an API that knows one policy and one
//! operator token.

#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use twinhub_core::access::Peer;
use twinhub_core::time::{Clock, Timestamp};
use twinhub_portal::{Api, Body, Portal, Settings, Visitor};
use twinhub_sas::{SasToken, SigningKey};

const OPERATOR: &str = "operator-token";

struct TestClock;

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(1_800_000_000)
    }
}

/// Answers as the hub does, as far as the shell asks.
struct TestApi {
    key: Mutex<String>,
    operator_token: Mutex<String>,
    /// Of whom it was asked for last, whether they have gone.
    gone: Mutex<CancellationToken>,
}

impl TestApi {
    fn knows(&self, authorization: &str) -> bool {
        let key = self.key.lock().unwrap().clone();
        let key = SigningKey::from_base64(&key).unwrap();
        SasToken::parse(authorization).is_ok_and(|token| token.verify(&key))
    }

    fn answer(&self, request: &Request<Bytes>) -> (StatusCode, Value) {
        let authorization = request.headers()[header::AUTHORIZATION].to_str().unwrap();
        let operator = format!("Bearer {}", self.operator_token.lock().unwrap());
        let is_operator = authorization == operator;
        let unauthorized = json!({"Message": "ErrorCode:IotHubUnauthorizedAccess;no such key"});
        if request.headers()[header::HOST] != "hub.example" {
            let body = json!({"Message": "ErrorCode:IotHubNotFound;no such hub"});
            return (StatusCode::NOT_FOUND, body);
        }
        match request.uri().path() {
            "/twinhub/v1/caller" if self.knows(authorization) => {
                let rights = ["RegistryRead", "ServiceConnect"];
                let body = json!({"hub": "hub", "policyName": "reader", "rights": rights});
                (StatusCode::OK, body)
            }
            "/devices/query" if self.knows(authorization) => {
                (StatusCode::OK, json!([{"deviceId": "pump"}]))
            }
            path if path.starts_with("/subscriptions/") && is_operator => {
                (StatusCode::OK, json!({"name": "hub"}))
            }
            _ => (StatusCode::UNAUTHORIZED, unauthorized),
        }
    }
}

#[async_trait]
impl Api for TestApi {
    async fn call(&self, request: Request<Bytes>, visitor: &Visitor) -> Response<Body> {
        *self.gone.lock().unwrap() = visitor.gone().clone();
        let (status, body) = self.answer(&request);
        Response::builder()
            .status(status)
            // However many pages of rows are read, there are more.
            .header("x-ms-continuation", "more")
            .body(Body::from(body.to_string()))
            .unwrap()
    }
}

struct TestPortal {
    portal: Portal,
    api: Arc<TestApi>,
    admitted: Arc<AtomicBool>,
    gone: CancellationToken,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn location(&self) -> &str {
        self.headers[header::LOCATION].to_str().unwrap()
    }

    /// What a browser sends back.
    fn cookie(&self) -> String {
        let set = self.headers[header::SET_COOKIE].to_str().unwrap();
        set.split(';').next().unwrap().to_owned()
    }
}

impl TestPortal {
    fn new() -> Self {
        let api = Arc::new(TestApi {
            key: Mutex::new(twinhub_sas::generate_key()),
            operator_token: Mutex::new(OPERATOR.to_owned()),
            gone: Mutex::default(),
        });
        let settings = Settings {
            hub: "hub".to_owned(),
            host: "hub.example".to_owned(),
            https_port: 443,
            authority: None,
            clock: Arc::new(TestClock),
        };
        TestPortal {
            portal: Portal::new(api.clone(), settings),
            api,
            admitted: Arc::default(),
            gone: CancellationToken::new(),
        }
    }

    async fn begin(&self, request: Request<Body>) -> Response<Body> {
        let admitted = self.admitted.clone();
        let peer = Peer::at("192.0.2.1:5000".parse().unwrap());
        let admit = move || admitted.store(true, Ordering::Relaxed);
        let visitor = Visitor::new(peer, self.gone.clone(), admit);
        self.portal.answer(request, visitor).await
    }

    async fn ask(&self, request: Request<Body>) -> Answer {
        let (head, body) = self.begin(request).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: head.status,
            headers: head.headers,
            text: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    async fn get(&self, address: &str, cookie: &str) -> Answer {
        let request = Request::get(address)
            .header(header::ACCEPT, "text/html")
            .header(header::COOKIE, cookie)
            .body(Body::empty());
        self.ask(request.unwrap()).await
    }

    async fn post(&self, address: &str, cookie: &str, form: String) -> Answer {
        let request = Request::post(address)
            .header(header::HOST, "hub.example")
            .header(header::ACCEPT, "text/html")
            .header(header::COOKIE, cookie)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form));
        self.ask(request.unwrap()).await
    }

    async fn sign_in(&self, connection_string: &str) -> Answer {
        let form = format!(
            "connection-string={}",
            connection_string.replace('+', "%2B")
        );
        self.post("/portal/sign-in", "", form).await
    }

    fn connection_string(&self) -> String {
        let key = self.api.key.lock().unwrap().clone();
        format!("HostName=hub.example;SharedAccessKeyName=reader;SharedAccessKey={key}")
    }

    /// The cookie of somebody who is signed in, and the number in their forms.
    async fn signed_in(&self) -> (String, String) {
        let cookie = self.sign_in(&self.connection_string()).await.cookie();
        let page = self.get("/portal/nowhere", &cookie).await.text;
        let field = "name=\"csrf\" value=\"";
        let csrf = page.split_once(field).unwrap().1.split('"').next().unwrap();
        (cookie, csrf.to_owned())
    }
}

#[tokio::test]
async fn who_is_not_signed_in_is_led_to_the_sign_in_and_back() {
    let portal = TestPortal::new();

    let led = portal.get("/portal/devices?page=2", "").await;
    let script = portal
        .ask(Request::get("/portal/devices").body(Body::empty()).unwrap())
        .await;

    assert_eq!(led.status, StatusCode::SEE_OTHER);
    assert_eq!(
        led.location(),
        "/portal/sign-in?to=%2Fportal%2Fdevices%3Fpage%3D2&why="
    );
    assert_eq!(script.status, StatusCode::UNAUTHORIZED);
    assert!(!portal.admitted.load(Ordering::Relaxed));
}

#[tokio::test]
async fn a_policy_signs_in_and_sees_what_its_rights_allow() {
    let portal = TestPortal::new();

    let signed_in = portal.sign_in(&portal.connection_string()).await;
    let page = portal.get("/portal/nowhere", &signed_in.cookie()).await;

    assert_eq!(signed_in.status, StatusCode::SEE_OTHER);
    assert!(portal.admitted.load(Ordering::Relaxed));
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(page.text.contains("reader"));
    assert!(page.text.contains("href=\"/portal/query\""));
    assert!(!page.text.contains("href=\"/portal/policies\""));
}

#[tokio::test]
async fn what_does_not_count_signs_nobody_in() {
    let portal = TestPortal::new();
    let other_key = twinhub_sas::generate_key();
    let wrong_key =
        format!("HostName=hub.example;SharedAccessKeyName=reader;SharedAccessKey={other_key}");
    let other_hub = portal.connection_string().replace("hub.example", "other");

    for (given, status) in [
        ("", StatusCode::BAD_REQUEST),
        ("nonsense", StatusCode::BAD_REQUEST),
        (&wrong_key, StatusCode::UNAUTHORIZED),
        (&other_hub, StatusCode::NOT_FOUND),
    ] {
        let answer = portal.sign_in(given).await;

        assert_eq!(answer.status, status, "{given}");
        assert!(!answer.headers.contains_key(header::SET_COOKIE));
        assert!(answer.text.contains("role=\"alert\""));
        assert!(given.is_empty() || !answer.text.contains(&other_key));
    }
}

#[tokio::test(start_paused = true)]
async fn who_fails_ten_times_waits() {
    let portal = TestPortal::new();
    let wrong = portal.connection_string();
    *portal.api.key.lock().unwrap() = twinhub_sas::generate_key();
    for _ in 0..10 {
        let failed = portal.sign_in(&wrong).await;
        assert_eq!(failed.status, StatusCode::UNAUTHORIZED);
    }

    let waits = portal.sign_in(&portal.connection_string()).await;
    tokio::time::advance(std::time::Duration::from_secs(7)).await;
    let again = portal.sign_in(&portal.connection_string()).await;

    assert_eq!(waits.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(waits.headers[header::RETRY_AFTER], "7");
    assert_eq!(again.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_link_signs_the_operator_in_once() {
    let portal = TestPortal::new();
    let link = portal.portal.link(OPERATOR).unwrap();
    let address = link.expose().strip_prefix("https://hub.example").unwrap();

    let first = portal.get(address, "").await;
    let second = portal.get(address, "").await;
    let page = portal.get("/portal/nowhere", &first.cookie()).await;

    assert_eq!(first.location(), "/portal");
    assert!(page.text.contains("href=\"/portal/policies\""));
    assert_eq!(second.status, StatusCode::FORBIDDEN);
    assert!(!second.headers.contains_key(header::SET_COOKIE));
}

#[tokio::test]
async fn a_browser_that_looks_ahead_does_not_use_a_link_up() {
    let portal = TestPortal::new();
    let link = portal.portal.link(OPERATOR).unwrap();
    let address = link.expose().strip_prefix("https://hub.example").unwrap();
    let ahead = Request::get(address).header("sec-purpose", "prefetch;prerender");
    let preview = Request::head(address).body(Body::empty()).unwrap();

    let ahead = portal.ask(ahead.body(Body::empty()).unwrap()).await;
    let preview = portal.ask(preview).await;
    let opened = portal.get(address, "").await;

    assert_eq!(ahead.status, StatusCode::NO_CONTENT);
    assert_eq!(preview.status, StatusCode::NO_CONTENT);
    assert_eq!(opened.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn links_are_made_for_who_has_the_operator_token() {
    let portal = TestPortal::new();
    let ask = |token: &str| {
        Request::builder()
            .method(Method::POST)
            .uri("/twinhub/v1/portal-links")
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .body(Body::empty())
            .unwrap()
    };

    let made = portal.ask(ask(OPERATOR)).await;
    let refused = portal.ask(ask("guessed")).await;

    let made_link: Value = serde_json::from_str(&made.text).unwrap();
    assert_eq!(made.status, StatusCode::CREATED);
    assert!(
        made_link["url"]
            .as_str()
            .unwrap()
            .starts_with("https://hub.example/portal/sign-in?code=")
    );
    assert_eq!(made_link["expiresAt"], "2027-01-15T08:15:00.0000000Z");
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert!(!refused.text.contains("url"));
}

#[tokio::test]
async fn a_change_must_come_from_a_page_of_the_session() {
    let portal = TestPortal::new();
    let (cookie, csrf) = portal.signed_in().await;
    let (_, of_another) = portal.signed_in().await;
    let foreign = Request::post("/portal/sign-out")
        .header(header::HOST, "hub.example")
        .header(header::ORIGIN, "https://evil.example")
        .header(header::COOKIE, &cookie)
        .body(Body::from(format!("csrf={csrf}")))
        .unwrap();

    let without = portal
        .post("/portal/sign-out", &cookie, String::new())
        .await;
    let wrong = format!("csrf={of_another}");
    let wrong = portal.post("/portal/sign-out", &cookie, wrong).await;
    let foreign = portal.ask(foreign).await;
    let still_there = portal.get("/portal/nowhere", &cookie).await;
    let right = format!("csrf={csrf}");
    let right = portal.post("/portal/sign-out", &cookie, right).await;
    let gone = portal.get("/portal/nowhere", &cookie).await;

    for forged in [&without, &wrong, &foreign] {
        assert_eq!(forged.status, StatusCode::FORBIDDEN);
        assert!(forged.text.contains("<h1>Not allowed</h1>"));
    }
    assert_eq!(still_there.status, StatusCode::NOT_FOUND);
    assert_eq!(right.location(), "/portal/sign-in?why=out");
    assert_eq!(gone.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_rolled_key_and_a_rotated_token_end_their_sessions() {
    let portal = TestPortal::new();
    let (by_policy, _) = portal.signed_in().await;
    let link = portal.portal.link(OPERATOR).unwrap();
    let address = link.expose().strip_prefix("https://hub.example").unwrap();
    let by_link = portal.get(address, "").await.cookie();

    *portal.api.key.lock().unwrap() = twinhub_sas::generate_key();
    *portal.api.operator_token.lock().unwrap() = "rotated".to_owned();

    for cookie in [by_policy, by_link] {
        let led = portal.get("/portal/nowhere", &cookie).await;
        assert!(led.location().ends_with("&why=ended"), "{}", led.location());
        assert_eq!(led.cookie(), "__Host-twinhub=");
    }
}

#[tokio::test]
async fn a_script_ends_nothing_and_the_next_page_tells_why() {
    let portal = TestPortal::new();
    let (cookie, _) = portal.signed_in().await;
    *portal.api.key.lock().unwrap() = twinhub_sas::generate_key();
    let by_script = Request::get("/portal")
        .header("sec-fetch-dest", "empty")
        .header(header::ACCEPT, "text/html")
        .header(header::COOKIE, &cookie)
        .body(Body::empty());

    let refused = portal.ask(by_script.unwrap()).await;
    let page = portal.get("/portal/nowhere", &cookie).await;

    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert!(!refused.headers.contains_key(header::SET_COOKIE));
    assert!(page.location().ends_with("&why=ended"));
}

#[tokio::test]
async fn a_form_of_a_session_that_has_ended_leads_back_to_its_page() {
    let portal = TestPortal::new();
    let (cookie, csrf) = portal.signed_in().await;
    *portal.api.key.lock().unwrap() = twinhub_sas::generate_key();
    let form = Request::post("/portal/device/twin?id=pump")
        .header(header::HOST, "hub.example")
        .header(
            header::REFERER,
            "https://hub.example/portal/device/twin?id=pump&edit=tags",
        )
        .header(header::ACCEPT, "text/html")
        .header(header::COOKIE, &cookie)
        .body(Body::from(format!("csrf={csrf}")));

    let led = portal.ask(form.unwrap()).await;
    let sign_in = portal.get(led.location(), "").await;

    assert_eq!(
        led.location(),
        "/portal/sign-in?to=%2Fportal%2Fdevice%2Ftwin%3Fid%3Dpump%26edit%3Dtags&why=unsaved"
    );
    assert!(sign_in.text.contains("nothing of what you sent was saved"));
}

#[tokio::test]
async fn a_page_stays_closed_to_who_lacks_its_right() {
    let portal = TestPortal::new();
    let (cookie, csrf) = portal.signed_in().await;

    let form = portal.get("/portal/devices/new", &cookie).await;
    let sent = portal
        .post("/portal/policies/new", &cookie, format!("csrf={csrf}"))
        .await;

    assert_eq!(form.status, StatusCode::FORBIDDEN);
    assert!(form.text.contains("RegistryWrite"));
    assert_eq!(sent.status, StatusCode::FORBIDDEN);
    assert!(sent.text.contains("twinhub portal-link"));
}

#[tokio::test]
async fn a_download_is_broken_off_when_its_person_signs_out() {
    let portal = TestPortal::new();
    let (cookie, csrf) = portal.signed_in().await;
    let address = "/portal/query/download?query=SELECT+*+FROM+devices&as=csv";
    let request = Request::get(address)
        .header(header::COOKIE, &cookie)
        .body(Body::empty());
    let mut download = portal.begin(request.unwrap()).await.into_body();
    for _ in 0..3 {
        assert!(download.frame().await.unwrap().is_ok());
    }

    portal
        .post("/portal/sign-out", &cookie, format!("csrf={csrf}"))
        .await;

    assert!(download.frame().await.unwrap().is_err());
    assert!(download.frame().await.is_none());
}

#[tokio::test]
async fn a_form_that_is_too_large_is_refused() {
    let portal = TestPortal::new();
    let (cookie, csrf) = portal.signed_in().await;
    let form = format!("csrf={csrf}&text={}", "x".repeat(1024 * 1024));

    let answer = portal.post("/portal/sign-out", &cookie, form).await;

    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn every_answer_has_the_headers_that_protect_it() {
    let portal = TestPortal::new();
    let (cookie, _) = portal.signed_in().await;

    for (address, cookie) in [
        ("/", ""),
        ("/portal/sign-in", ""),
        ("/portal/devices", ""),
        ("/portal/nowhere", cookie.as_str()),
        ("/portal/assets/portal.css", ""),
        ("/portal/assets/nothing", ""),
    ] {
        let headers = portal.get(address, cookie).await.headers;

        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("default-src 'none'"), "{address}");
        assert!(!policy.contains("unsafe"), "{address}");
        assert_eq!(headers[header::X_FRAME_OPTIONS], "DENY", "{address}");
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        let is_asset = address.ends_with(".css");
        assert_eq!(headers[header::CACHE_CONTROL] == "no-store", !is_asset);
    }
}

#[tokio::test]
async fn an_address_that_names_nothing_or_too_much_is_refused_in_a_sentence() {
    let portal = TestPortal::new();
    let link = portal.portal.link(OPERATOR).unwrap();
    let address = link.expose().strip_prefix("https://hub.example").unwrap();
    let operator = portal.get(address, "").await.cookie();
    let (reader, _) = portal.signed_in().await;
    let long = format!("/portal/events?content={}", "(".repeat(30_000));

    let nothing = portal.get("/portal/certificates/certificate", &operator);
    let too_much = portal.get(&long, &reader);
    let (nothing, too_much) = (nothing.await, too_much.await);

    assert_eq!(nothing.status, StatusCode::NOT_FOUND);
    assert_eq!(too_much.status, StatusCode::URI_TOO_LONG);
    for answer in [nothing, too_much] {
        assert!(answer.text.contains("role=\"alert\""), "{}", answer.text);
    }
}

#[tokio::test]
async fn the_api_is_told_when_who_asked_for_a_page_has_gone() {
    let portal = TestPortal::new();
    let (cookie, _) = portal.signed_in().await;
    portal.get("/portal/nowhere", &cookie).await;
    let seen = portal.api.gone.lock().unwrap().clone();
    assert!(!seen.is_cancelled());

    portal.gone.cancel();

    assert!(seen.is_cancelled());
}
