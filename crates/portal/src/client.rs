//! Calls of the hub's API with the credential of a visit.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use serde_json::Value;
use tokio::sync::OnceCell;
use twinhub_core::time::Clock;
use twinhub_sas::{SasToken, SigningKey};

use self::call::Plane;
pub use self::call::{Call, encoded};
pub use self::reply::{ApiError, Reply};
use self::reply::{read, reply};
use crate::api::Api;
use crate::portal::Visitor;
use crate::sessions::Credential;
use crate::turns::Turns;

mod call;
mod reply;

/// How long the token of one call counts, in seconds.
const CALL_SECONDS: u64 = 300;
/// How long the token of a stream counts, in seconds: as long as a session.
const STREAM_SECONDS: u64 = 8 * 3600;

/// What all visits' calls have in common.
#[derive(Clone)]
pub struct Hub {
    /// The API.
    pub api: Arc<dyn Api>,
    /// The hub's name as a resource.
    pub name: String,
    /// The time, for tokens' expiry.
    pub clock: Arc<dyn Clock>,
    /// How many costly questions it answers at once.
    pub turns: Turns,
}

/// The API, as one visitor may use it.
#[derive(Clone)]
pub struct Client {
    hub: Hub,
    credential: Credential,
    host: String,
    visitor: Visitor,
    /// The policy with which an operator asks, once it is looked up.
    policy: Arc<OnceCell<(String, String)>>,
}

impl Client {
    /// Calls with a credential, to the hub of a host name, on behalf of a
    /// visitor.
    pub fn new(hub: Hub, credential: Credential, host: String, visitor: Visitor) -> Self {
        Client {
            hub,
            credential,
            host,
            visitor,
            policy: Arc::default(),
        }
    }

    /// The turns of all visits.
    pub fn turns(&self) -> &Turns {
        &self.hub.turns
    }

    /// Does a call.
    pub async fn call(&self, call: Call) -> Result<Reply, ApiError> {
        self.answer(call).await?.accepted()
    }

    /// Does a call whose refusal tells more than one sentence: the page reads it.
    pub async fn answer(&self, call: Call) -> Result<Reply, ApiError> {
        let token = self.authorization(call.plane, CALL_SECONDS).await?;
        read(self.send(call, &token).await?).await
    }

    /// Does a call whose answer goes on for long, and hands the answer over.
    pub async fn stream(&self, call: Call) -> Result<Response<Body>, ApiError> {
        let token = self.authorization(call.plane, STREAM_SECONDS).await?;
        let response = self.send(call, &token).await?;
        match response.status().is_success() {
            true => Ok(response),
            false => Err(reply(response).await.err().unwrap_or(ApiError::TooLarge)),
        }
    }

    async fn send(&self, call: Call, authorization: &str) -> Result<Response<Body>, ApiError> {
        let request = self.request(call, authorization)?;
        Ok(self.hub.api.call(request, &self.visitor).await)
    }

    fn request(&self, call: Call, authorization: &str) -> Result<Request<Bytes>, ApiError> {
        if call.path.contains("//") || call.path.ends_with('/') {
            return Err(ApiError::unasked(
                StatusCode::NOT_FOUND,
                "the address does not say which one is meant: go back and choose it from the list",
            ));
        }
        let mut target = match call.plane {
            Plane::Data | Plane::Operator => call.path,
            Plane::Resource => format!("{}{}", self.resource(), call.path),
        };
        let version = match call.plane {
            Plane::Data | Plane::Operator => "2021-04-12",
            Plane::Resource => "2023-06-30",
        };
        target.push_str("?api-version=");
        target.push_str(version);
        for (name, value) in &call.query {
            target.push_str(&format!("&{}={}", encoded(name), encoded(value)));
        }
        let mut request = Request::new(call.body);
        *request.method_mut() = call.method;
        // Every segment is encoded: nothing but the length can be wrong.
        *request.uri_mut() = target.parse().map_err(|_| {
            ApiError::unasked(
                StatusCode::URI_TOO_LONG,
                "a name or condition is longer than the hub takes: shorten it",
            )
        })?;
        *request.headers_mut() = call.headers;
        if !call.spelling.0.is_empty() {
            request.extensions_mut().insert(call.spelling);
        }
        let mut add = |name, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                request.headers_mut().insert(name, value);
            }
        };
        add(header::HOST, &self.host);
        add(header::AUTHORIZATION, authorization);
        Ok(request)
    }

    /// Subscription and group are accepted as sent.
    fn resource(&self) -> String {
        format!(
            "/subscriptions/twinhub/resourceGroups/twinhub/providers/Microsoft.Devices/IotHubs/{}",
            encoded(&self.hub.name)
        )
    }

    async fn authorization(&self, plane: Plane, seconds: u64) -> Result<String, ApiError> {
        match (plane, &self.credential) {
            (Plane::Data, Credential::Policy { name, key }) => {
                Ok(self.signature(name, key.expose(), seconds))
            }
            (Plane::Data, Credential::Operator { .. }) => {
                let found = self.policy.get_or_try_init(|| self.mightiest_policy());
                let (name, key) = found.await?;
                Ok(self.signature(name, key, seconds))
            }
            (Plane::Resource | Plane::Operator, Credential::Operator { token }) => {
                Ok(format!("Bearer {}", token.expose()))
            }
            (Plane::Resource | Plane::Operator, Credential::Policy { .. }) => {
                Err(ApiError::NotOperator)
            }
        }
    }

    /// The policy with the most rights, that of devices apart. Operators may
    /// list the keys of all, and use them as command-line tools do.
    async fn mightiest_policy(&self) -> Result<(String, String), ApiError> {
        let call = Call::resource(Method::POST, ["listkeys"]);
        let Credential::Operator { token } = &self.credential else {
            return Err(ApiError::NotOperator);
        };
        let authorization = format!("Bearer {}", token.expose());
        let policies = reply(self.send(call, &authorization).await?)
            .await?
            .json()?;
        let text = |policy: &Value, member: &str| policy[member].as_str().map(str::to_owned);
        policies["value"]
            .as_array()
            .into_iter()
            .flatten()
            .max_by_key(|policy| might(policy["rights"].as_str().unwrap_or_default()))
            .and_then(|policy| Some((text(policy, "keyName")?, text(policy, "primaryKey")?)))
            .ok_or(ApiError::NoPolicy)
    }

    fn signature(&self, policy: &str, key: &str, seconds: u64) -> String {
        let expiry = self.hub.clock.now().unix_seconds().unsigned_abs() + seconds;
        match SigningKey::from_base64(key) {
            Ok(key) => SasToken::sign(&self.host, &key, Some(policy), expiry),
            // What is no key opens nothing: the API says so.
            Err(_) => String::new(),
        }
    }
}

/// How many of a policy's rights pages have a use for.
fn might(rights: &str) -> usize {
    let rights = rights.split(',').map(str::trim);
    rights.filter(|right| *right != "DeviceConnect").count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_to_be_a_device_is_of_no_use_to_pages() {
        let reads = "RegistryRead, DeviceConnect";
        let serves = "RegistryRead, ServiceConnect";

        assert!(might(serves) > might(reads));
        assert_eq!(might("DeviceConnect"), 0);
    }
}
