//! A request of somebody who is signed in.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::client::{ApiError, Call, Client, Reply};
use crate::page::{Notice, Page, Section};
use crate::sessions::{Credential, Session};
use crate::turns::{self, Turn};

/// What somebody may do, as the API says. Pages show what may be done; whether
/// it is done decides the API.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rights {
    /// Read identities.
    pub registry_read: bool,
    /// Write identities.
    pub registry_write: bool,
    /// Twins, methods, messages, events, queries.
    pub service: bool,
    /// Policies, routes, certificates, settings: the hub as a resource.
    pub operator: bool,
}

/// Somebody who is signed in asks for something: their session, what they may
/// do, and the API as they may use it. Handlers take it as an argument; there
/// is none without a credential that counts at this moment.
#[derive(Clone)]
pub struct Visit {
    session: Arc<Session>,
    client: Client,
    who: String,
    rights: Rights,
    /// Whether a script asks for a part of a page that is there.
    is_part: bool,
}

/// What `GET /twinhub/v1/caller` tells.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CallerDocument {
    policy_name: String,
    rights: Vec<String>,
}

impl Visit {
    /// Asks the API what the session's credential may do now. Refused with 401,
    /// it may nothing: its key was rolled.
    pub async fn begin(session: Arc<Session>, client: Client) -> Result<Self, ApiError> {
        let (who, rights) = match &session.credential {
            Credential::Policy { .. } => caller(&client).await?,
            Credential::Operator { .. } => {
                client.call(Call::resource(Method::GET, [])).await?;
                let all = Rights {
                    registry_read: true,
                    registry_write: true,
                    service: true,
                    operator: true,
                };
                ("operator".to_owned(), all)
            }
        };
        Ok(Visit {
            session,
            client,
            who,
            rights,
            is_part: false,
        })
    }

    /// The same for a script that asks for a part of a page: the notice that
    /// waits is left to the page that is shown next.
    pub fn for_part(mut self) -> Self {
        self.is_part = true;
        self
    }

    /// Whether the session's credential still opens anything, for what goes on
    /// for long.
    pub async fn still_counts(&self) -> bool {
        let again = Visit::begin(self.session.clone(), self.client.clone()).await;
        !again.is_err_and(|error| error.status() == StatusCode::UNAUTHORIZED)
    }

    /// The session.
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// What they may do.
    pub fn rights(&self) -> Rights {
        self.rights
    }

    /// Does a call of the API.
    pub async fn call(&self, call: Call) -> Result<Reply, ApiError> {
        self.client.call(call).await
    }

    /// Does a call and reads the document that it is answered with.
    pub async fn read<T: DeserializeOwned>(&self, call: Call) -> Result<T, ApiError> {
        self.call(call).await?.read()
    }

    /// A turn for what is costly, to hold until the page is made. Who has none
    /// within so long is refused.
    pub async fn turn(&self, patience: Duration) -> Result<Turn, ApiError> {
        turns::take(&self.session.turns, self.client.turns(), patience).await
    }

    /// The API as they may use it.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The frame of a page, with the notice that waits for the next one.
    pub fn page(&self, section: Section, title: impl Into<String>) -> Page {
        Page {
            title: title.into(),
            section,
            hub: self.session.host.clone(),
            who: self.who.clone(),
            rights: self.rights,
            csrf: self.session.csrf.expose().to_owned(),
            notice: match self.is_part {
                true => None,
                false => self.session.told(),
            },
        }
    }

    /// Leaves a notice for the page that is shown next.
    pub fn tell(&self, notice: Notice) {
        self.session.tell(notice);
    }
}

async fn caller(client: &Client) -> Result<(String, Rights), ApiError> {
    let call = Call::get(["twinhub", "v1", "caller"]);
    let caller: CallerDocument = client.call(call).await?.read()?;
    let may = |right: &str| caller.rights.iter().any(|known| known == right);
    let rights = Rights {
        registry_read: may("RegistryRead"),
        registry_write: may("RegistryWrite"),
        service: may("ServiceConnect"),
        operator: false,
    };
    Ok((caller.policy_name, rights))
}

impl<S: Sync> FromRequestParts<S> for Visit {
    type Rejection = StatusCode;

    /// The guard has let it in, or there is none.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        let visit = parts.extensions.get::<Visit>().cloned();
        visit.ok_or(StatusCode::UNAUTHORIZED)
    }
}
