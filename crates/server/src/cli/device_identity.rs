//! `twinhub device-identity`

use clap::{ArgAction, ValueEnum};
use hyper::Method;
use serde_json::{Value, json};

use super::{
    access::Access,
    answer::Answer,
    authentication::Authentication,
    failure::Failure,
    hub::{Call, Hub},
    identity::{self, KeyType},
    transfer::{Export, Import},
};

const COLUMNS: &[&str] = &[
    "deviceId",
    "status",
    "connectionState",
    "authentication.type",
    "capabilities.iotEdge",
    "lastActivityTime",
];

/// A hub lists no more at once.
const MOST_LISTED: usize = 1000;

#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  twinhub device-identity create --device-id sensor-1
  twinhub device-identity list --output table
  twinhub device-identity update --device-id sensor-1 --status disabled
  twinhub device-identity delete --device-id sensor-1")]
pub enum Command {
    /// Create a device
    Create(Create),
    /// Show a device with its keys
    #[command(after_help = "\
Examples:
  twinhub device-identity show --device-id sensor-1")]
    Show(Device),
    /// List devices
    List(List),
    /// Change a device
    Update(Update),
    /// Delete a device with its modules, twins and messages
    #[command(after_help = "\
Examples:
  twinhub device-identity delete --device-id sensor-1
  twinhub device-identity delete -d sensor-1 --etag \"$ETAG\"")]
    Delete(Delete),
    /// Make keys of a device anew
    RenewKey(RenewKey),
    /// Write all devices, modules and twins to a folder or container
    Export(Export),
    /// Create, change and delete as the lines of a file say
    Import(Import),
    /// Count devices
    #[command(after_help = "\
Examples:
  twinhub device-identity statistics")]
    Statistics,
}

#[derive(Debug, clap::Args)]
pub struct Device {
    /// Device; upper and lower case count
    #[arg(long, short = 'd', value_name = "ID")]
    device_id: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  twinhub device-identity create --device-id sensor-1
  twinhub device-identity create -d gateway-1 --edge-enabled
  twinhub device-identity create -d cam-1 --auth-method x509_thumbprint --primary-thumbprint 0123456789ABCDEF0123456789ABCDEF01234567
  twinhub device-identity create -d leaf-1 --device-scope \"$PARENT_SCOPE\"")]
pub struct Create {
    #[command(flatten)]
    device: Device,
    #[command(flatten)]
    settings: Settings,
    /// Scope of the parent: of an edge device its deviceScope
    #[arg(long, value_name = "SCOPE")]
    device_scope: Option<String>,
    #[command(flatten)]
    authentication: Authentication,
}

#[derive(Debug, Default, clap::Args)]
struct Settings {
    /// Whether it runs IoT Edge
    #[arg(long, visible_alias = "ee", value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", action = ArgAction::Set)]
    edge_enabled: Option<bool>,
    /// Whether it may connect
    #[arg(long, visible_alias = "sta", value_enum)]
    status: Option<Status>,
    /// Why it has its status
    #[arg(long, visible_alias = "star", value_name = "TEXT")]
    status_reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Status {
    /// It may connect
    Enabled,
    /// It may not, and is cut off at once
    Disabled,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  twinhub device-identity list
  twinhub device-identity list --top 10 --output table")]
pub struct List {
    /// How many at most; a hub lists no more than 1000
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=1000))]
    top: u16,
    /// Only edge devices, or with false only others
    #[arg(long, visible_alias = "ee", value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", action = ArgAction::Set)]
    edge_enabled: Option<bool>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  twinhub device-identity update -d sensor-1 --status disabled --status-reason \"lost in the field\"
  twinhub device-identity update -d sensor-1 --set capabilities.iotEdge=true
  twinhub device-identity update -d sensor-1 --auth-method x509_ca --etag \"$ETAG\"

What no option names stays as it is. Without --etag the update is refused only
if someone else changes the device at the same moment.")]
pub struct Update {
    #[command(flatten)]
    device: Device,
    #[command(flatten)]
    settings: Settings,
    /// Member to set, as JSON or text; repeat for more
    #[arg(long, value_name = "PATH=VALUE", num_args = 1..)]
    set: Vec<String>,
    /// Refuse unless the device has this etag
    #[arg(long, short = 'e', value_name = "ETAG")]
    etag: Option<String>,
    #[command(flatten)]
    authentication: Authentication,
}

#[derive(Debug, clap::Args)]
pub struct Delete {
    #[command(flatten)]
    device: Device,
    /// Refuse unless the device has this etag
    #[arg(long, short = 'e', value_name = "ETAG")]
    etag: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  twinhub device-identity renew-key --device-id sensor-1 --key-type primary
  twinhub device-identity renew-key --device-id sensor-1 --key-type swap")]
pub struct RenewKey {
    #[command(flatten)]
    device: Device,
    /// Which key
    #[arg(long, visible_alias = "kt", value_enum)]
    key_type: KeyType,
}

pub async fn run(command: &Command, access: &Access) -> Result<Answer, Failure> {
    let hub = access.hub().await?;
    let value = match command {
        Command::Export(export) => return export.run(access).await,
        Command::Import(import) => return import.run(access).await,
        Command::Create(create) => create.run(&hub).await?,
        Command::Show(device) => hub.get(&device.path()).await?,
        Command::List(list) => list.run(&hub).await?,
        Command::Update(update) => {
            let etag = update.etag.as_deref();
            let change = |device: &mut Value| update.change(device);
            identity::update(&hub, &update.device.path(), etag, change).await?
        }
        Command::Delete(delete) => {
            identity::delete(&hub, &delete.device.path(), delete.etag.as_deref()).await?;
            return Ok(Answer::Nothing);
        }
        Command::RenewKey(renew) => {
            identity::renew_key(&hub, &renew.device.device_id, None, renew.key_type).await?
        }
        Command::Statistics => return statistics(&hub).await,
    };
    Ok(Answer::Documents {
        value,
        columns: COLUMNS,
    })
}

impl Device {
    fn path(&self) -> Vec<&str> {
        identity::path(&self.device_id, None)
    }
}

impl Create {
    async fn run(&self, hub: &Hub) -> Result<Value, Failure> {
        let body = self.document()?;
        hub.send(Call {
            body: Some(&body),
            ..Call::new(Method::PUT, &self.device.path())
        })
        .await
    }

    fn document(&self) -> Result<Value, Failure> {
        let mut device = json!({
            "deviceId": self.device.device_id,
            "status": "enabled",
            "capabilities": {"iotEdge": false},
            "authentication": self.authentication.of_new()?,
        });
        self.settings.change(&mut device);
        if let Some(scope) = &self.device_scope {
            // An edge device keeps its own scope and names its parent's.
            if self.settings.edge_enabled == Some(true) {
                device["parentScopes"] = json!([scope]);
            } else {
                device["deviceScope"] = json!(scope);
            }
        }
        Ok(device)
    }
}

impl Settings {
    fn change(&self, device: &mut Value) {
        if let Some(edge) = self.edge_enabled {
            device["capabilities"] = json!({"iotEdge": edge});
        }
        if let Some(status) = self.status {
            device["status"] = json!(match status {
                Status::Enabled => "enabled",
                Status::Disabled => "disabled",
            });
        }
        if let Some(reason) = &self.status_reason {
            device["statusReason"] = json!(reason);
        }
    }
}

impl Update {
    fn change(&self, device: &mut Value) -> Result<(), Failure> {
        self.settings.change(device);
        self.authentication.change(&mut device["authentication"])?;
        identity::set_all(device, &self.set)
    }
}

impl List {
    async fn run(&self, hub: &Hub) -> Result<Value, Failure> {
        let mut devices = hub
            .send(Call {
                query: Some(format!("top={}", self.top)),
                ..Call::new(Method::GET, &["devices"])
            })
            .await?;
        if devices.as_array().map(Vec::len) == Some(MOST_LISTED) {
            eprintln!(
                "note: the hub lists {MOST_LISTED} devices at most: there may be more, `twinhub device-identity statistics` counts them"
            );
        }
        if let (Some(edge), Value::Array(devices)) = (self.edge_enabled, &mut devices) {
            devices.retain(|device| device["capabilities"]["iotEdge"] == edge);
        }
        Ok(devices)
    }
}

async fn statistics(hub: &Hub) -> Result<Answer, Failure> {
    let mut counts = hub.get(&["statistics", "devices"]).await?;
    let service = hub.get(&["statistics", "service"]).await?;
    if let (Value::Object(counts), Value::Object(service)) = (&mut counts, service) {
        counts.extend(service);
    }
    Ok(Answer::Documents {
        value: counts,
        columns: &[
            "totalDeviceCount",
            "enabledDeviceCount",
            "disabledDeviceCount",
            "connectedDeviceCount",
        ],
    })
}
