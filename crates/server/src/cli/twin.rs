//! `twinhub device-twin` and `twinhub module-twin`

use hyper::Method;
use serde_json::{Value, json};

use super::{
    access::Access,
    answer::Answer,
    document::object,
    failure::Failure,
    hub::{Call, Hub},
};

const COLUMNS: &[&str] = &[
    "deviceId",
    "moduleId",
    "version",
    "connectionState",
    "tags",
    "properties.desired.$version",
    "properties.reported.$version",
];

#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  twinhub device-twin show --device-id sensor-1
  twinhub device-twin update --device-id sensor-1 --desired '{\"interval\": 5}'
  twinhub device-twin update --device-id sensor-1 --tags '{\"site\": null}'
  twinhub device-twin replace --device-id sensor-1 --json @twin.json")]
pub enum DeviceCommand {
    /// Show the twin
    #[command(after_help = "\
Examples:
  twinhub device-twin show -d sensor-1")]
    Show(DeviceTwin),
    /// Merge a patch into desired properties and tags; null removes
    #[command(after_help = "\
Examples:
  twinhub device-twin update -d sensor-1 --desired '{\"interval\": 5}'
  twinhub device-twin update -d sensor-1 --tags '{\"site\": null}' --etag \"$ETAG\"")]
    Update {
        #[command(flatten)]
        twin: DeviceTwin,
        #[command(flatten)]
        patch: Patch,
    },
    /// Replace desired properties and tags
    #[command(after_help = "\
Examples:
  twinhub device-twin replace -d sensor-1 --json @twin.json")]
    Replace {
        #[command(flatten)]
        twin: DeviceTwin,
        #[command(flatten)]
        replacement: Replacement,
    },
}

#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  twinhub module-twin show --device-id sensor-1 --module-id thermostat
  twinhub module-twin update -d sensor-1 -m thermostat --desired '{\"target\": 21.5}'
  twinhub module-twin replace -d sensor-1 -m thermostat --json @twin.json")]
pub enum ModuleCommand {
    /// Show the twin
    #[command(after_help = "\
Examples:
  twinhub module-twin show -d sensor-1 -m thermostat")]
    Show(ModuleTwin),
    /// Merge a patch into desired properties and tags; null removes
    #[command(after_help = "\
Examples:
  twinhub module-twin update -d sensor-1 -m thermostat --desired '{\"interval\": 5}'
  twinhub module-twin update -d sensor-1 -m thermostat --tags '{\"site\": null}' --etag \"$ETAG\"")]
    Update {
        #[command(flatten)]
        twin: ModuleTwin,
        #[command(flatten)]
        patch: Patch,
    },
    /// Replace desired properties and tags
    #[command(after_help = "\
Examples:
  twinhub module-twin replace -d sensor-1 -m thermostat --json @twin.json")]
    Replace {
        #[command(flatten)]
        twin: ModuleTwin,
        #[command(flatten)]
        replacement: Replacement,
    },
}

#[derive(Debug, clap::Args)]
pub struct DeviceTwin {
    /// Device; upper and lower case count
    #[arg(long, short = 'd', value_name = "ID")]
    device_id: String,
}

#[derive(Debug, clap::Args)]
pub struct ModuleTwin {
    /// Device; upper and lower case count
    #[arg(long, short = 'd', value_name = "ID")]
    device_id: String,
    /// Module; upper and lower case count
    #[arg(long, short = 'm', value_name = "ID")]
    module_id: String,
}

#[derive(Debug, clap::Args)]
pub struct Patch {
    /// Desired properties to merge: a JSON object, or @file
    #[arg(long, value_name = "JSON", required_unless_present = "tags")]
    desired: Option<String>,
    /// Tags to merge: a JSON object, or @file
    #[arg(long, value_name = "JSON")]
    tags: Option<String>,
    /// Refuse unless the twin has this etag
    #[arg(long, short = 'e', value_name = "ETAG")]
    etag: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct Replacement {
    /// Twin with the new tags and properties.desired: a JSON object, or @file
    #[arg(long, short = 'j', value_name = "JSON")]
    json: String,
    /// Refuse unless the twin has this etag
    #[arg(long, short = 'e', value_name = "ETAG")]
    etag: Option<String>,
}

pub async fn run_device(command: &DeviceCommand, access: &Access) -> Result<Answer, Failure> {
    match command {
        DeviceCommand::Show(twin) => show(access, &twin.path()).await,
        DeviceCommand::Update { twin, patch } => patch.apply(access, &twin.path()).await,
        DeviceCommand::Replace { twin, replacement } => {
            replacement.apply(access, &twin.path()).await
        }
    }
}

pub async fn run_module(command: &ModuleCommand, access: &Access) -> Result<Answer, Failure> {
    match command {
        ModuleCommand::Show(twin) => show(access, &twin.path()).await,
        ModuleCommand::Update { twin, patch } => patch.apply(access, &twin.path()).await,
        ModuleCommand::Replace { twin, replacement } => {
            replacement.apply(access, &twin.path()).await
        }
    }
}

impl DeviceTwin {
    fn path(&self) -> Vec<&str> {
        vec!["twins", &self.device_id]
    }
}

impl ModuleTwin {
    fn path(&self) -> Vec<&str> {
        vec!["twins", &self.device_id, "modules", &self.module_id]
    }
}

async fn show(access: &Access, path: &[&str]) -> Result<Answer, Failure> {
    Ok(answer(access.hub().await?.get(path).await?))
}

impl Patch {
    async fn apply(&self, access: &Access, path: &[&str]) -> Result<Answer, Failure> {
        let patch = self.document()?;
        let hub = access.hub().await?;
        write(&hub, Method::PATCH, path, &patch, self.etag.as_deref()).await
    }

    fn document(&self) -> Result<Value, Failure> {
        let mut patch = json!({});
        if let Some(desired) = &self.desired {
            patch["properties"] = json!({"desired": object("--desired", desired)?});
        }
        if let Some(tags) = &self.tags {
            patch["tags"] = object("--tags", tags)?;
        }
        Ok(patch)
    }
}

impl Replacement {
    async fn apply(&self, access: &Access, path: &[&str]) -> Result<Answer, Failure> {
        let twin = object("--json", &self.json)?;
        let hub = access.hub().await?;
        write(&hub, Method::PUT, path, &twin, self.etag.as_deref()).await
    }
}

async fn write(
    hub: &Hub,
    method: Method,
    path: &[&str],
    body: &Value,
    etag: Option<&str>,
) -> Result<Answer, Failure> {
    let twin = hub
        .send(Call {
            if_match: etag,
            body: Some(body),
            ..Call::new(method, path)
        })
        .await?;
    Ok(answer(twin))
}

fn answer(value: Value) -> Answer {
    Answer::Documents {
        value,
        columns: COLUMNS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_holds_only_what_was_given() {
        let patch = Patch {
            desired: None,
            tags: Some(r#"{"site": null}"#.into()),
            etag: None,
        };

        assert_eq!(patch.document().unwrap(), json!({"tags": {"site": null}}));
    }
}
