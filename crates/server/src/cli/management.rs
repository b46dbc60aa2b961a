//! The management API of a hub: its policies and their keys, certificates,
//! consumer groups and routing.
//!
//! Calls are those of Azure's resource provider, as `az` sends them: policies
//! and routes are part of the hub's document, so that each change reads all of
//! them, changes one, and writes the hub back under its etag.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    failure::Failure,
    https::HttpsClient,
    hub::{document, path_of, with_document},
    refusal::Refusal,
};

const API_VERSION: &str = "2023-06-30";

/// The management API, opened with the operator token.
pub struct Management {
    client: HttpsClient,
    hub: String,
    token: String,
}

/// A shared access policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// Its name.
    pub key_name: String,
    /// Left out of a new policy, to have one made.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub primary_key: String,
    /// Left out of a new policy, to have one made.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub secondary_key: String,
    /// Rights, each after a comma and a blank.
    pub rights: String,
}

impl Policy {
    /// Whether it grants `right`; the right to write includes reading.
    pub fn grants(&self, right: &str) -> bool {
        self.rights
            .split(',')
            .any(|granted| granted.trim() == right)
    }
}

impl Management {
    /// The API of the hub called `hub`.
    pub fn new(client: HttpsClient, hub: String, token: String) -> Self {
        Self { client, hub, token }
    }

    /// Whether the hub takes the operator token.
    pub async fn knows_token(&self) -> Result<bool, Failure> {
        match self.request(Method::POST, &["listkeys"], None, None).await {
            Ok(_) => Ok(true),
            Err(Failure::Refused(refusal)) if refusal.status == 401 => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// All policies with their keys.
    pub async fn policies(&self) -> Result<Vec<Policy>, Failure> {
        let answer = self.send(Method::POST, &["listkeys"], None, None).await?;
        let policies = answer.get("value").cloned().unwrap_or_default();
        serde_json::from_value(policies)
            .map_err(|error| anyhow::anyhow!("the hub's list of policies is odd: {error}").into())
    }

    /// One policy with its keys.
    pub async fn policy(&self, name: &str) -> Result<Policy, Failure> {
        let found = self.policies().await?;
        found
            .into_iter()
            .find(|policy| policy.key_name == name)
            .ok_or_else(|| no_such_policy(name))
    }

    /// A policy that grants all of `rights`, `iothubowner` if it can.
    pub async fn policy_with(&self, rights: &[&str]) -> Result<Policy, Failure> {
        let mut able: Vec<Policy> = self.policies().await?;
        able.retain(|policy| rights.iter().all(|right| policy.grants(right)));
        able.sort_by_key(|policy| policy.key_name != "iothubowner");
        able.into_iter().next().ok_or_else(|| {
            Failure::Usage(format!(
                "no policy of the hub has the rights {}: create one with `twinhub policy create`, or use --login",
                rights.join(", ")
            ))
        })
    }

    /// Changes the list of policies and returns the new one.
    pub async fn change_policies(
        &self,
        change: impl FnOnce(&mut Vec<Policy>) -> Result<(), Failure>,
    ) -> Result<Vec<Policy>, Failure> {
        let mut hub = self.send(Method::GET, &[], None, None).await?;
        let mut policies = self.policies().await?;
        change(&mut policies)?;
        hub.pointer_mut("/properties")
            .and_then(Value::as_object_mut)
            .ok_or_else(|| anyhow::anyhow!("the hub's document has no properties"))?
            .insert("authorizationPolicies".into(), json!(policies));
        let etag = hub.get("etag").and_then(Value::as_str).map(str::to_owned);
        self.send(Method::PUT, &[], etag.as_deref(), Some(&hub))
            .await?;
        self.policies().await
    }

    /// What is set of routing, keys masked.
    pub async fn routing(&self) -> Result<Value, Failure> {
        let hub = self.send(Method::GET, &[], None, None).await?;
        Ok(hub["properties"]["routing"].clone())
    }

    /// Changes what is set of routing and returns what is then.
    pub async fn change_routing(
        &self,
        change: impl FnOnce(&mut Value) -> Result<(), Failure>,
    ) -> Result<Value, Failure> {
        let hub = self.send(Method::GET, &[], None, None).await?;
        let mut routing = hub["properties"]["routing"].clone();
        change(&mut routing)?;
        let wanted = json!({ "location": hub["location"], "properties": { "routing": routing } });
        let etag = hub.get("etag").and_then(Value::as_str);
        let hub = self.send(Method::PUT, &[], etag, Some(&wanted)).await?;
        Ok(hub["properties"]["routing"].clone())
    }

    /// Tries routes; `call` is `$testnew` or `$testall`.
    pub async fn test_routes(&self, call: &str, trial: &Value) -> Result<Value, Failure> {
        let below = ["routing", "routes", call];
        self.send(Method::POST, &below, None, Some(trial)).await
    }

    /// How the custom endpoints are.
    pub async fn endpoints_health(&self) -> Result<Value, Failure> {
        let below = ["routingEndpointsHealth"];
        let answer = self.send(Method::GET, &below, None, None).await?;
        Ok(answer.get("value").cloned().unwrap_or_default())
    }

    /// A call about the certificates of authorities, or one of them.
    pub async fn certificates(
        &self,
        method: Method,
        below: &[&str],
        if_match: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let below = [&["certificates"], below].concat();
        self.send(method, &below, if_match, body).await
    }

    /// A call about the consumer groups, or the one called `name`.
    pub async fn consumer_groups(
        &self,
        method: Method,
        name: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let groups = ["eventHubEndpoints", "events", "ConsumerGroups"];
        let below = [&groups[..], name.as_slice()].concat();
        self.send(method, &below, None, body).await
    }

    /// Starts an import or export; `call` is the resource provider's name.
    pub async fn transfer(&self, call: &str, wanted: &Value) -> Result<Value, Failure> {
        self.send(Method::POST, &[call], None, Some(wanted)).await
    }

    /// A call about the backup that is under way, or was.
    pub async fn backup(&self, method: Method, body: Option<&Value>) -> Result<Value, Failure> {
        self.our_own(method, "/twinhub/v1/backup", body).await
    }

    /// A one-time link to the portal.
    pub async fn portal_link(&self) -> Result<String, Failure> {
        let made = self
            .our_own(Method::POST, "/twinhub/v1/portal-links", None)
            .await?;
        let url = made["url"].as_str().map(str::to_owned);
        url.ok_or_else(|| anyhow::anyhow!("the hub's answer has no url").into())
    }

    /// A call that the resource provider does not have.
    async fn our_own(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        let sent = self.client.send(with_document(request, body)?).await;
        document(&self.explained(sent)?)
    }

    async fn send(
        &self,
        method: Method,
        below: &[&str],
        if_match: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        self.explained(self.request(method, below, if_match, body).await)
    }

    /// A refused token says that another hub is there.
    fn explained<T>(&self, outcome: Result<T, Failure>) -> Result<T, Failure> {
        match outcome {
            Err(Failure::Refused(refusal)) if refusal.status == 401 => {
                Err(Failure::NoHub(format!(
                    "the hub on {} does not know this folder's operator token: another hub has taken its place; see which one runs there, or start this one again",
                    self.client.endpoint()
                )))
            }
            outcome => outcome,
        }
    }

    async fn request(
        &self,
        method: Method,
        below: &[&str],
        if_match: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let hub = [
            "subscriptions",
            "local",
            "resourceGroups",
            "local",
            "providers",
            "Microsoft.Devices",
            "IotHubs",
            &self.hub,
        ];
        let path = path_of(&hub) + &path_of(below);
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{path}?api-version={API_VERSION}"))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        if let Some(etag) = if_match {
            request = request.header(header::IF_MATCH, etag);
        }
        let request: Request<Full<Bytes>> = with_document(request, body)?;
        document(&self.client.send(request).await?)
    }
}

/// The refusal that a hub would send, had it been asked for one policy.
pub fn no_such_policy(name: &str) -> Failure {
    Failure::Refused(Refusal {
        status: 404,
        code: Some("PolicyNotFound".into()),
        message: Some(format!("there is no policy {name:?}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_compared_whole() {
        let policy = Policy {
            key_name: "x".into(),
            primary_key: String::new(),
            secondary_key: String::new(),
            rights: "RegistryWrite, ServiceConnect".into(),
        };

        assert!(policy.grants("RegistryWrite"));
        assert!(policy.grants("ServiceConnect"));
        assert!(!policy.grants("DeviceConnect"));
        assert!(!policy.grants("Registry"));
    }
}
