//! `twinhub connection-string`

use twinhub_sas::{ConnectionString, Credential};

use super::{
    access::{Access, Target, service_hostname},
    answer::Answer,
    failure::Failure,
    https::Endpoint,
    identity,
    management::Policy,
};
use crate::running::RunningHub;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  twinhub connection-string
  twinhub connection-string --policy service --secondary
  twinhub connection-string --default-eventhub --policy service
  twinhub connection-string --device-id sensor-1
  twinhub connection-string --device-id sensor-1 --module-id thermostat -o json")]
pub struct Args {
    /// Shared access policy [default: iothubowner]
    #[arg(long, visible_alias = "policy-name", value_name = "NAME", conflicts_with_all = ["device_id", "module_id"])]
    policy: Option<String>,
    /// For Event Hubs clients, which read telemetry from the built-in endpoint
    #[arg(long, visible_alias = "eh", conflicts_with_all = ["device_id", "module_id"])]
    default_eventhub: bool,
    /// Device
    #[arg(long, short = 'd', value_name = "ID")]
    device_id: Option<String>,
    /// Module of the device
    #[arg(long, short = 'm', value_name = "ID", requires = "device_id")]
    module_id: Option<String>,
    /// With the secondary key
    #[arg(long)]
    secondary: bool,
}

pub async fn run(args: &Args, access: &Access) -> Result<Answer, Failure> {
    let policy = args.policy.as_deref().unwrap_or("iothubowner");
    let text = match &args.device_id {
        Some(device) => of_identity(device, args, access).await?.to_string(),
        None if args.default_eventhub => of_event_hub(policy, args.secondary, access).await?,
        None => of_policy(policy, args.secondary, access).await?.to_string(),
    };
    Ok(Answer::Text {
        name: "connectionString",
        text,
    })
}

async fn of_event_hub(name: &str, secondary: bool, access: &Access) -> Result<String, Failure> {
    let policy = access.management()?.policy(name).await?;
    if !policy.grants("ServiceConnect") {
        return Err(Failure::Usage(format!(
            "the policy {name} lacks ServiceConnect, the right to read events: --policy names another"
        )));
    }
    Ok(event_hub(&access.running()?, &policy, secondary))
}

/// The connection string of the built-in endpoint. It has no port: clients of
/// Event Hubs dial 5671, or 443 for WebSockets.
pub fn event_hub(running: &RunningHub, policy: &Policy, secondary: bool) -> String {
    let key = match secondary {
        true => &policy.secondary_key,
        false => &policy.primary_key,
    };
    format!(
        "Endpoint=sb://{}/;SharedAccessKeyName={};SharedAccessKey={key};EntityPath={}",
        running.hostname(),
        policy.key_name,
        running.hub
    )
}

async fn of_policy(
    name: &str,
    secondary: bool,
    access: &Access,
) -> Result<ConnectionString, Failure> {
    // What was given can be given back without the operator token.
    if let Target::Login(login) | Target::Variable(login) = access.target()
        && login.policy_name() == Some(name)
        && !secondary
    {
        return Ok(login.clone());
    }
    let policy = access.management()?.policy(name).await?;
    let key = if secondary {
        policy.secondary_key
    } else {
        policy.primary_key
    };
    let hostname = service_hostname(&access.running()?);
    Ok(ConnectionString::for_policy(&hostname, name, &key)?)
}

async fn of_identity(
    device: &str,
    args: &Args,
    access: &Access,
) -> Result<ConnectionString, Failure> {
    let hub = access.hub().await?;
    let module = args.module_id.as_deref();
    let document = hub.get(&identity::path(device, module)).await?;
    let credential = identity::credential(&document, args.secondary)?;
    string_of_identity(&device_hostname(access)?, device, module, &credential)
}

fn string_of_identity(
    hostname: &str,
    device: &str,
    module: Option<&str>,
    credential: &Credential,
) -> Result<ConnectionString, Failure> {
    Ok(match module {
        Some(module) => ConnectionString::for_module(hostname, device, module, credential)?,
        None => ConnectionString::for_device(hostname, device, credential)?,
    })
}

/// The host name for devices, without a port: each protocol has its own.
pub fn device_hostname(access: &Access) -> Result<String, Failure> {
    Ok(match access.target() {
        Target::Login(login) | Target::Variable(login) => {
            Endpoint::of_hostname(login.host_name())?.hostname
        }
        Target::Folder => access.running()?.hostname().to_owned(),
    })
}
