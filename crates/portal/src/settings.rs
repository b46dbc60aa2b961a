//! Settings: what the hub is set to and where that is changed, what it holds at
//! most, and backups, which are made from here.

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::{ApiError, Call};
use crate::failure::{Failure, see_other};
use crate::fields::Fields;
use crate::filters;
use crate::moment::Moment;
use crate::page::{Notice, Page, Section, render, render_as};
use crate::portal::Inner;
use crate::refused::Refused;
use crate::visit::Visit;

use self::backup::Backup;
use self::limits::{Limit, limits};
use self::table::{Group, Shown};

mod backup;
mod limits;
mod table;

/// The call about backups.
const BACKUP: [&str; 3] = ["twinhub", "v1", "backup"];

/// The pages.
pub fn routes() -> Router<Inner> {
    Router::new()
        .route("/portal/settings", get(show))
        .route(
            "/portal/settings/backup",
            get(show_backup).post(start_backup),
        )
        .route(
            "/portal/settings/backup/cancel",
            get(show_cancel).post(cancel),
        )
}

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

#[derive(Template)]
#[template(path = "settings/backup.html")]
struct BackupPart {
    backup: Option<Backup>,
}

#[derive(Template)]
#[template(path = "settings/cancel_backup.html")]
struct CancelPage {
    page: Page,
    refused: Option<Refused>,
    backup: Backup,
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

async fn latest_backup(visit: &Visit) -> Result<Option<Backup>, ApiError> {
    let answer = visit.call(Call::operator(Method::GET, BACKUP)).await;
    match answer {
        Ok(reply) => reply.read().map(Some),
        Err(error) if error.status() == StatusCode::NOT_FOUND => Ok(None),
        Err(error) => Err(error),
    }
}

async fn settings_page(visit: &Visit) -> Result<SettingsPage, ApiError> {
    let path = ["twinhub", "v1", "settings"];
    let configuration = visit.call(Call::operator(Method::GET, path)).await?;
    let configuration: Configuration = configuration.read()?;
    let standing = visit.call(Call::get(["twinhub", "v1", "status"])).await?;
    Ok(SettingsPage {
        page: visit.page(Section::Settings, "Settings"),
        refused: None,
        standing: standing.read()?,
        groups: table::groups(&configuration.settings),
        limits: limits(configuration.sku()),
        configuration,
        backup: latest_backup(visit).await?,
        folder: String::new(),
    })
}

/// `GET /portal/settings`
async fn show(visit: Visit) -> Result<Response, Failure> {
    let page = settings_page(&visit).await;
    Ok(render(&page.map_err(|error| visit.failed(error))?))
}

/// `GET /portal/settings/backup`: the part that is refreshed.
async fn show_backup(visit: Visit) -> Result<Response, Failure> {
    let backup = latest_backup(&visit).await;
    let backup = backup.map_err(|error| visit.failed(error))?;
    Ok(render(&BackupPart { backup }))
}

/// `POST /portal/settings/backup`
async fn start_backup(visit: Visit, fields: Fields) -> Result<Response, Failure> {
    let folder = fields.get("folder").trim();
    let start = Call::operator(Method::POST, BACKUP).json(&json!({ "folder": folder }));
    let Err(error) = visit.call(start).await else {
        visit.tell(Notice::done(format!("A backup into {folder} has begun.")));
        return Ok(see_other("/portal/settings"));
    };
    let refused = Refused::from(error);
    let status = refused.status;
    let page = settings_page(&visit).await;
    let page = SettingsPage {
        refused: Some(refused),
        folder: folder.to_owned(),
        ..page.map_err(|error| visit.failed(error))?
    };
    Ok(render_as(status, &page))
}

/// `GET /portal/settings/backup/cancel`: what will happen.
async fn show_cancel(visit: Visit) -> Result<Response, Failure> {
    cancel_page(&visit, None).await
}

/// `POST /portal/settings/backup/cancel`
async fn cancel(visit: Visit) -> Result<Response, Failure> {
    let cancelled = visit.call(Call::operator(Method::DELETE, BACKUP)).await;
    let latest = match cancelled.and_then(|reply| reply.read::<Backup>()) {
        Ok(latest) => latest,
        Err(error) => return cancel_page(&visit, Some(error.into())).await,
    };
    visit.tell(Notice::done(match latest.state.as_str() {
        "completed" => "The backup was there before it could be cancelled.",
        _ => "The backup is cancelled.",
    }));
    Ok(see_other("/portal/settings"))
}

async fn cancel_page(visit: &Visit, refused: Option<Refused>) -> Result<Response, Failure> {
    let backup = visit.call(Call::operator(Method::GET, BACKUP)).await;
    let backup = backup.and_then(|reply| reply.read());
    let page = CancelPage {
        backup: backup.map_err(|error| visit.failed(error))?,
        page: visit.page(Section::Settings, "Cancel backup"),
        refused,
    };
    let status = Refused::status_of(page.refused.as_ref());
    Ok(render_as(status, &page))
}
