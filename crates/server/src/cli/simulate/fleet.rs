//! The identities of a simulated fleet.

use std::sync::Arc;

use hyper::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use twinhub_sas::Credential;

use crate::cli::{
    failure::Failure,
    hub::{Call, Hub},
    identity,
};

/// How many requests are under way at once.
const AT_ONCE: usize = 16;

/// Devices that can connect.
pub struct Fleet {
    /// Their IDs and keys.
    pub keys: Vec<(String, String)>,
    /// The IDs of those that did not exist before.
    pub made: Vec<String>,
}

/// Looks the devices up, and makes those that are missing.
pub async fn prepare(hub: &Arc<Hub>, ids: &[String], create: bool) -> Result<Fleet, Failure> {
    let mut fleet = Fleet {
        keys: Vec::with_capacity(ids.len()),
        made: Vec::new(),
    };
    for chunk in ids.chunks(AT_ONCE) {
        let mut asked = JoinSet::new();
        for (place, id) in chunk.iter().cloned().enumerate() {
            let hub = hub.clone();
            asked.spawn(async move { (place, device(&hub, &id, create).await, id) });
        }
        let mut found = Vec::new();
        while let Some(done) = asked.join_next().await {
            let (place, device, id) = done.map_err(anyhow::Error::from)?;
            let (document, is_new) = device?;
            found.push((place, key_of(&document, &id)?, id, is_new));
        }
        found.sort_by_key(|(place, ..)| *place);
        for (_, key, id, is_new) in found {
            if is_new {
                fleet.made.push(id.clone());
            }
            fleet.keys.push((id, key));
        }
    }
    Ok(fleet)
}

/// A device's identity, and whether it was made now.
async fn device(hub: &Hub, id: &str, create: bool) -> Result<(Value, bool), Failure> {
    let path = identity::path(id, None);
    match hub.get(&path).await {
        Err(Failure::Refused(refusal)) if refusal.status == 404 && create => {}
        found => return found.map(|document| (document, false)),
    }
    let fresh = json!({"deviceId": id, "status": "enabled", "authentication": {"type": "sas"}});
    let made = hub
        .send(Call {
            body: Some(&fresh),
            ..Call::new(Method::PUT, &path)
        })
        .await?;
    Ok((made, true))
}

fn key_of(document: &Value, id: &str) -> Result<String, Failure> {
    match identity::credential(document, false)? {
        Credential::SharedAccessKey(key) => Ok(key),
        Credential::SharedAccessSignature(_) | Credential::X509 => Err(Failure::Usage(format!(
            "device {id} proves who it is with a certificate: simulate others with --prefix"
        ))),
    }
}

/// Deletes devices.
pub async fn delete(hub: &Arc<Hub>, ids: &[String]) -> Result<(), Failure> {
    for chunk in ids.chunks(AT_ONCE) {
        let mut asked = JoinSet::new();
        for id in chunk {
            let (hub, id) = (hub.clone(), id.clone());
            asked.spawn(
                async move { identity::delete(&hub, &identity::path(&id, None), None).await },
            );
        }
        while let Some(done) = asked.join_next().await {
            done.map_err(anyhow::Error::from)??;
        }
    }
    Ok(())
}
