//! The page of settings.

use askama::Template;
use axum::response::Response;
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::ADDRESS;
use super::backup::{self, Backup};
use super::limits::{Limit, limits};
use super::table::{self, Group, Shown};
use crate::client::{ApiError, Call};
use crate::failure::{Failure, see_other};
use crate::fields::Fields;
use crate::filters;
use crate::moment::Moment;
use crate::page::{Notice, Page, Section, render, render_as};
use crate::refused::Refused;
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "settings/page.html")]
struct SettingsPage {
    page: Page,
    refused: Option<Refused>,
    standing: Standing,
    configuration: Configuration,
    groups: Vec<Group>,
    limits: Vec<Limit>,
    backup: Option<Backup>,
    folder: String,
}

/// What `GET /twinhub/v1/status` tells of the process.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Standing {
    version: String,
    started_at: Moment,
}

/// What `GET /twinhub/v1/settings` tells.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Configuration {
    data_folder: String,
    config_file: String,
    settings: Value,
}

impl Configuration {
    fn sku(&self) -> &str {
        self.settings["hub"]["sku"].as_str().unwrap_or_default()
    }
}

impl SettingsPage {
    /// Everything on the page that no form has asked for.
    async fn load(visit: &Visit) -> Result<Self, ApiError> {
        let path = ["twinhub", "v1", "settings"];
        let configuration: Configuration = visit.read(Call::operator(Method::GET, path)).await?;
        Ok(SettingsPage {
            page: visit.page(Section::Settings, "Settings"),
            refused: None,
            standing: visit.read(Call::get(["twinhub", "v1", "status"])).await?,
            groups: table::groups(&configuration.settings),
            limits: limits(configuration.sku()),
            configuration,
            backup: backup::latest(visit).await?,
            folder: String::new(),
        })
    }
}

/// `GET /portal/settings`
pub async fn show(visit: Visit) -> Result<Response, Failure> {
    let page = SettingsPage::load(&visit).await;
    Ok(render(&page.map_err(|error| visit.failed(error))?))
}

/// `POST /portal/settings/backup`
pub async fn start_backup(visit: Visit, fields: Fields) -> Result<Response, Failure> {
    let folder = fields.get("folder").trim();
    let start = backup::call(Method::POST).json(&json!({ "folder": folder }));
    let Err(error) = visit.call(start).await else {
        visit.tell(Notice::done(format!("A backup into {folder} has begun.")));
        return Ok(see_other(ADDRESS));
    };
    let refused = Refused::from(error);
    let status = refused.status;
    let page = SettingsPage::load(&visit).await;
    let page = SettingsPage {
        refused: Some(refused),
        folder: folder.to_owned(),
        ..page.map_err(|error| visit.failed(error))?
    };
    Ok(render_as(status, &page))
}
