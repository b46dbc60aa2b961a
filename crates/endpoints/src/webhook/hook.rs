//! Requests to a webhook, and its consent: shared by all partitions.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, Response, Url, redirect};
use serde_json::json;
use tokio::time::Instant;
use twinhub_core::hubs::Hub;
use twinhub_core::ids::HubName;
use twinhub_core::ports::{DeliveryFailure, FailureReason};
use twinhub_core::routing::{Endpoint, EndpointId, WebhookSchema, WebhookTarget};
use twinhub_core::time::Clock;

use super::answer::{judge, no_answer};
use crate::limits;
use crate::trust::Trust;

/// A receiver that works on events before it answers should answer first. As
/// long as Event Grid waits.
/// <https://learn.microsoft.com/azure/event-grid/delivery-and-retry>
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How much of an answer is read: beyond it, the connection is given up.
const MAX_ANSWER: usize = 64 * 1024;
/// Stands where an operator named no subscription and no resource group.
const NO_GROUP: (&str, &str) = ("00000000-0000-0000-0000-000000000000", "twinhub");

const CLOUD_EVENTS: &str = "application/cloudevents-batch+json; charset=utf-8";
const EVENT_GRID: &str = "application/json; charset=utf-8";
const REQUEST_ORIGIN: HeaderName = HeaderName::from_static("webhook-request-origin");
const ALLOWED_ORIGIN: HeaderName = HeaderName::from_static("webhook-allowed-origin");
const EVENT_TYPE: HeaderName = HeaderName::from_static("aeg-event-type");

/// What all hooks have in common.
pub(crate) struct Ways<'a> {
    pub(crate) clock: &'a Arc<dyn Clock>,
    pub(crate) trust: &'a Trust,
    /// Whether other machines may be reached without encryption.
    pub(crate) allows_http: bool,
}

/// The hooks that are in use.
#[derive(Default)]
pub(crate) struct Hooks(Mutex<HashMap<EndpointId, Weak<Hook>>>);

impl Hooks {
    /// The hook of an endpoint, as it is set.
    pub(crate) fn of(
        &self,
        hub: &Hub,
        endpoint: &Endpoint,
        target: &WebhookTarget,
        ways: &Ways<'_>,
    ) -> Result<Arc<Hook>, DeliveryFailure> {
        let mut hooks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = hooks.get(&endpoint.id).and_then(Weak::upgrade);
        if let Some(known) = known.filter(|known| known.endpoint == *endpoint) {
            return Ok(known);
        }
        let hook = Arc::new(Hook::new(
            (hub.name(), hub.host_name()),
            endpoint,
            target,
            ways,
        )?);
        hooks.retain(|_, hook| hook.strong_count() > 0);
        hooks.insert(endpoint.id, Arc::downgrade(&hook));
        Ok(hook)
    }
}

/// A webhook.
pub(crate) struct Hook {
    hub: String,
    origin: String,
    endpoint: Endpoint,
    schema: WebhookSchema,
    url: Url,
    client: Client,
    clock: Arc<dyn Clock>,
    /// Whether the receiver wants events. One asks at a time.
    consent: tokio::sync::Mutex<Consent>,
}

/// What the receiver said when it was asked.
#[derive(Default)]
struct Consent {
    is_given: bool,
    /// Why it is not, and when that was known.
    refused: Option<(Instant, DeliveryFailure)>,
}

/// Whether a target has an address that events may go to, and headers that can
/// be sent.
pub(crate) fn check(target: &WebhookTarget, allows_http: bool) -> Result<(), String> {
    let url = address(target.url.expose(), allows_http);
    url.map_err(|failure| format!("url: {failure}"))?;
    headers(target).map_err(|failure| format!("headers: {failure}"))?;
    Ok(())
}

impl Hook {
    /// A way to an endpoint from a hub of this name and host name.
    pub(crate) fn new(
        (hub, origin): (&HubName, &str),
        endpoint: &Endpoint,
        target: &WebhookTarget,
        ways: &Ways<'_>,
    ) -> Result<Self, DeliveryFailure> {
        let url = address(target.url.expose(), ways.allows_http)?;
        let is_here = is_this_machine(&url);
        let mut client = Client::builder()
            .tls_backend_preconfigured(ways.trust.config()?)
            .redirect(redirect::Policy::none())
            .https_only(url.scheme() == "https")
            .http1_only()
            .connect_timeout(limits::CONNECT)
            .timeout(REQUEST_TIMEOUT)
            .user_agent(concat!("twinhub/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers(target)?);
        if is_here {
            client = client.no_proxy();
        }
        let client = client.build().map_err(|_| {
            DeliveryFailure::new(FailureReason::Failed, "no client for HTTP could be made")
        })?;
        Ok(Hook {
            hub: hub.to_string(),
            origin: origin.to_owned(),
            endpoint: endpoint.clone(),
            schema: target.schema,
            url,
            client,
            clock: ways.clock.clone(),
            consent: tokio::sync::Mutex::default(),
        })
    }

    pub(super) fn schema(&self) -> WebhookSchema {
        self.schema
    }

    pub(super) fn hub(&self) -> &str {
        &self.hub
    }

    pub(super) fn endpoint(&self) -> EndpointId {
        self.endpoint.id
    }

    /// The hub, as the resource provider has it.
    pub(super) fn resource_path(&self) -> String {
        let group = self.endpoint.group.as_ref();
        let (subscription, resource_group) = group.map_or(NO_GROUP, |group| {
            (&*group.subscription_id, &*group.resource_group)
        });
        format!(
            "/subscriptions/{subscription}/resourceGroups/{resource_group}/providers/\
             Microsoft.Devices/IotHubs/{}",
            self.hub
        )
    }

    /// Sends a batch.
    pub(super) async fn deliver(&self, batch: Vec<u8>) -> Result<(), DeliveryFailure> {
        let request = match self.schema {
            WebhookSchema::CloudEvents => self.request(Method::POST, CLOUD_EVENTS),
            WebhookSchema::EventGrid => self
                .request(Method::POST, EVENT_GRID)
                .header(EVENT_TYPE, "Notification"),
        };
        let sent = self.exchange(request.body(batch)).await.map(drop);
        let is_refused = |failure: &DeliveryFailure| {
            matches!(
                failure.reason,
                FailureReason::Unauthorized | FailureReason::NotFound
            )
        };
        if sent.as_ref().is_err_and(is_refused) {
            // Somebody else may be there now.
            self.consent.lock().await.is_given = false;
        }
        sent
    }

    /// Asks the receiver whether it wants events of this hub, unless it said
    /// so before.
    pub(super) async fn require_consent(&self) -> Result<(), DeliveryFailure> {
        let since = Instant::now();
        let mut consent = self.consent.lock().await;
        if consent.is_given {
            return Ok(());
        }
        // Another partition asked while this one waited: asked is asked.
        if let Some((at, failure)) = &consent.refused
            && *at >= since
        {
            return Err(failure.clone());
        }
        let asked = match self.schema {
            WebhookSchema::CloudEvents => self.ask_by_options().await,
            WebhookSchema::EventGrid => self.ask_by_code().await,
        };
        consent.is_given = asked.is_ok();
        asked.map_err(|mut failure| {
            // There is no event yet that could be too large.
            if failure.reason == FailureReason::Invalid {
                failure.reason = FailureReason::Failed;
            }
            consent.refused = Some((Instant::now(), failure.clone()));
            failure
        })
    }

    /// <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/http-webhook.md#4-abuse-protection>
    async fn ask_by_options(&self) -> Result<(), DeliveryFailure> {
        let request = self.client.request(Method::OPTIONS, self.url.clone());
        let answer = self
            .exchange(
                request
                    .header(REQUEST_ORIGIN, &self.origin)
                    .timeout(limits::ANSWER),
            )
            .await?;
        let allowed = answer.headers.get_all(ALLOWED_ORIGIN).iter();
        let allows = |value: &HeaderValue| {
            let value = value.to_str().unwrap_or_default().trim();
            value == "*" || value.eq_ignore_ascii_case(&self.origin)
        };
        if allowed.into_iter().any(allows) {
            return Ok(());
        }
        Err(refused(format!(
            "the answer to OPTIONS does not allow events of {}: WebHook-Allowed-Origin is missing \
             or names others",
            self.origin
        )))
    }

    /// <https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema>
    async fn ask_by_code(&self) -> Result<(), DeliveryFailure> {
        let code = uuid::Uuid::new_v4().to_string();
        let question = json!([{
            "id": uuid::Uuid::new_v4().to_string(),
            "topic": self.resource_path().to_uppercase(),
            "subject": "",
            "data": { "validationCode": code },
            "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
            "eventTime": self.clock.now().to_string(),
            "metadataVersion": "1",
            "dataVersion": "2",
        }]);
        let request = self
            .request(Method::POST, EVENT_GRID)
            .header(EVENT_TYPE, "SubscriptionValidation")
            .body(question.to_string())
            .timeout(limits::ANSWER);
        let answer = self.exchange(request).await?;
        let answer: Option<serde_json::Value> = serde_json::from_slice(&answer.body).ok();
        if answer.is_some_and(|answer| answer["validationResponse"] == code) {
            return Ok(());
        }
        Err(refused(
            "the answer to the validation event does not have its code as validationResponse"
                .to_owned(),
        ))
    }

    fn request(&self, method: Method, content_type: &'static str) -> RequestBuilder {
        self.client
            .request(method, self.url.clone())
            .header(CONTENT_TYPE, content_type)
    }

    async fn exchange(&self, request: RequestBuilder) -> Result<Answer, DeliveryFailure> {
        let answer = request.send().await.map_err(|error| no_answer(&error))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        // What follows the status is of no weight for a delivery.
        let body = read(answer).await.unwrap_or_default();
        judge(status, &headers, self.clock.now())?;
        Ok(Answer { headers, body })
    }
}

/// An answer with 2xx.
struct Answer {
    headers: HeaderMap,
    /// As much as is looked at.
    body: Vec<u8>,
}

async fn read(mut answer: Response) -> reqwest::Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER {
            break;
        }
    }
    Ok(body)
}

fn refused(detail: String) -> DeliveryFailure {
    DeliveryFailure::new(FailureReason::Unauthorized, detail)
}

/// Where an address leads; without encryption only to this machine, unless
/// others are allowed, too.
fn address(text: &str, allows_http: bool) -> Result<Url, DeliveryFailure> {
    let unusable = |detail: &str| DeliveryFailure::new(FailureReason::NotFound, detail);
    let url = Url::parse(text).map_err(|_| unusable("the address can't be read"))?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if allows_http || is_this_machine(&url) => Ok(url),
        "http" => Err(unusable(
            "events go to other machines over https, unless `outgoing.allow_http` is set; the address is http",
        )),
        _ => Err(unusable("the address is not one of https")),
    }
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn headers(target: &WebhookTarget) -> Result<HeaderMap, DeliveryFailure> {
    let unusable = |name: &str| {
        let detail = format!("the header {name} can't be sent");
        DeliveryFailure::new(FailureReason::Failed, detail)
    };
    let mut headers = HeaderMap::new();
    for (name, value) in &target.headers {
        let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unusable(name))?;
        let mut value = HeaderValue::from_str(value.expose()).map_err(|_| unusable(name))?;
        value.set_sensitive(true);
        headers.insert(parsed, value);
    }
    Ok(headers)
}
