//! `twinhub module-identity`

use hyper::Method;
use serde_json::{Value, json};

use super::{
    access::Access,
    answer::Answer,
    authentication::Authentication,
    failure::Failure,
    hub::Call,
    identity::{self, KeyType},
};

const COLUMNS: &[&str] = &[
    "deviceId",
    "moduleId",
    "connectionState",
    "authentication.type",
    "managedBy",
    "lastActivityTime",
];

#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  twinhub module-identity create --device-id sensor-1 --module-id thermostat
  twinhub module-identity list --device-id sensor-1 --output table
  twinhub module-identity delete --device-id sensor-1 --module-id thermostat")]
pub enum Command {
    /// Create a module
    Create(Create),
    /// Show a module with its keys
    #[command(after_help = "\
Examples:
  twinhub module-identity show --device-id sensor-1 --module-id thermostat")]
    Show(Module),
    /// List the modules of a device
    #[command(after_help = "\
Examples:
  twinhub module-identity list --device-id sensor-1 --output table")]
    List(List),
    /// Change a module
    Update(Update),
    /// Delete a module with its twin
    #[command(after_help = "\
Examples:
  twinhub module-identity delete --device-id sensor-1 --module-id thermostat")]
    Delete(Delete),
    /// Make keys of a module anew
    RenewKey(RenewKey),
}

#[derive(Debug, clap::Args)]
pub struct Module {
    /// Device; upper and lower case count
    #[arg(long, short = 'd', value_name = "ID")]
    device_id: String,
    /// Module; upper and lower case count
    #[arg(long, short = 'm', value_name = "ID")]
    module_id: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  twinhub module-identity create --device-id sensor-1 --module-id thermostat
  twinhub module-identity create -d sensor-1 -m thermostat --auth-method x509_ca")]
pub struct Create {
    #[command(flatten)]
    module: Module,
    #[command(flatten)]
    authentication: Authentication,
}

#[derive(Debug, clap::Args)]
pub struct List {
    /// Device; upper and lower case count
    #[arg(long, short = 'd', value_name = "ID")]
    device_id: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  twinhub module-identity update -d sensor-1 -m thermostat --set managedBy=plant
  twinhub module-identity update -d sensor-1 -m thermostat --auth-method shared_private_key")]
pub struct Update {
    #[command(flatten)]
    module: Module,
    /// Member to set, as JSON or text; repeat for more
    #[arg(long, value_name = "PATH=VALUE", num_args = 1..)]
    set: Vec<String>,
    /// Refuse unless the module has this etag
    #[arg(long, short = 'e', value_name = "ETAG")]
    etag: Option<String>,
    #[command(flatten)]
    authentication: Authentication,
}

#[derive(Debug, clap::Args)]
pub struct Delete {
    #[command(flatten)]
    module: Module,
    /// Refuse unless the module has this etag
    #[arg(long, short = 'e', value_name = "ETAG")]
    etag: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  twinhub module-identity renew-key -d sensor-1 -m thermostat --key-type both")]
pub struct RenewKey {
    #[command(flatten)]
    module: Module,
    /// Which key
    #[arg(long, visible_alias = "kt", value_enum)]
    key_type: KeyType,
}

pub async fn run(command: &Command, access: &Access) -> Result<Answer, Failure> {
    let hub = access.hub().await?;
    let value = match command {
        Command::Create(create) => {
            let body = create.document()?;
            hub.send(Call {
                body: Some(&body),
                ..Call::new(Method::PUT, &create.module.path())
            })
            .await?
        }
        Command::Show(module) => hub.get(&module.path()).await?,
        Command::List(list) => hub.get(&["devices", &list.device_id, "modules"]).await?,
        Command::Update(update) => {
            let etag = update.etag.as_deref();
            let change = |module: &mut Value| update.change(module);
            identity::update(&hub, &update.module.path(), etag, change).await?
        }
        Command::Delete(delete) => {
            identity::delete(&hub, &delete.module.path(), delete.etag.as_deref()).await?;
            return Ok(Answer::Nothing);
        }
        Command::RenewKey(renew) => {
            let Module {
                device_id,
                module_id,
            } = &renew.module;
            identity::renew_key(&hub, device_id, Some(module_id), renew.key_type).await?
        }
    };
    Ok(Answer::Documents {
        value,
        columns: COLUMNS,
    })
}

impl Module {
    fn path(&self) -> Vec<&str> {
        identity::path(&self.device_id, Some(&self.module_id))
    }
}

impl Create {
    fn document(&self) -> Result<Value, Failure> {
        Ok(json!({
            "deviceId": self.module.device_id,
            "moduleId": self.module.module_id,
            "authentication": self.authentication.of_new()?,
        }))
    }
}

impl Update {
    fn change(&self, module: &mut Value) -> Result<(), Failure> {
        self.authentication.change(&mut module["authentication"])?;
        identity::set_all(module, &self.set)
    }
}
