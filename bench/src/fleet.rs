//! Devices to measure with, created a hundred at a time.

use std::fmt::Write as _;

use anyhow::ensure;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use indicatif::ProgressBar;

use crate::{
    https::HttpsConnection,
    hub::{Hub, unix_seconds},
};

/// The most that a request may create.
pub const BULK: usize = 100;
/// Bulk requests in flight at once.
const CONNECTIONS: usize = 8;
const PATH: &str = "/devices?api-version=2021-04-12";

/// Devices whose names follow a rule.
#[derive(Debug, Clone)]
pub struct Fleet {
    prefix: String,
    count: usize,
}

impl Fleet {
    /// The devices `{prefix}-0`, `{prefix}-1` and so on.
    pub fn named(prefix: &str, count: usize) -> Self {
        Self {
            prefix: prefix.to_owned(),
            count,
        }
    }

    /// Devices that no earlier run has created.
    pub fn fresh(count: usize) -> Self {
        Self::named(&fresh_prefix(), count)
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// The name of one.
    pub fn device(&self, index: usize) -> String {
        format!("{}-{index}", self.prefix)
    }

    /// Creates all of them, over a few connections.
    pub async fn create(&self, hub: &Hub, progress: &ProgressBar) -> anyhow::Result<()> {
        stream::iter(0..CONNECTIONS)
            .map(|first| self.create_share(hub, first, progress))
            .buffer_unordered(CONNECTIONS)
            .try_collect()
            .await
    }

    /// Every [`CONNECTIONS`]th bulk, from `first` on.
    async fn create_share(
        &self,
        hub: &Hub,
        first: usize,
        progress: &ProgressBar,
    ) -> anyhow::Result<()> {
        let mut connection = hub.https().await?;
        for start in (first * BULK..self.count).step_by(CONNECTIONS * BULK) {
            let end = self.count.min(start + BULK);
            self.create_bulk(&mut connection, start, end).await?;
            progress.inc((end - start) as u64);
        }
        Ok(())
    }

    async fn create_bulk(
        &self,
        connection: &mut HttpsConnection,
        start: usize,
        end: usize,
    ) -> anyhow::Result<()> {
        let mut body = String::from("[");
        for index in start..end {
            let separator = if index > start { "," } else { "" };
            write!(
                body,
                r#"{separator}{{"id":"{}","importMode":"create"}}"#,
                self.device(index)
            )?;
        }
        body.push(']');
        let answer = connection.send("POST", PATH, "", body.as_bytes()).await?;
        ensure!(answer.is_success(), "the hub took no devices: {answer}");
        Ok(())
    }
}

/// A prefix that no earlier run has used.
pub fn fresh_prefix() -> String {
    format!("bench-{}-{}", unix_seconds(), std::process::id())
}
