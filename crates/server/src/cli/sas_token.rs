//! `twinhub generate-sas-token`

use std::time::Duration;

use clap::ValueEnum;
use twinhub_sas::{ConnectionString, Credential};

use super::{
    access::{Access, Target},
    answer::Answer,
    connection_string::device_hostname,
    failure::Failure,
    https::Endpoint,
    hub::sign,
    identity,
};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  twinhub generate-sas-token
  twinhub generate-sas-token --policy service --duration 600
  twinhub generate-sas-token --device-id sensor-1 --key-type secondary
  twinhub generate-sas-token --login \"$DEVICE_CONNECTION_STRING\"

With the connection string of a device or module as --login, its key signs and
no hub is asked.")]
pub struct Args {
    /// Shared access policy that signs [default: iothubowner, or that of --login]
    #[arg(long, visible_aliases = ["policy-name", "pn"], value_name = "NAME", conflicts_with_all = ["device_id", "module_id"])]
    policy: Option<String>,
    /// Device that signs
    #[arg(long, short = 'd', value_name = "ID")]
    device_id: Option<String>,
    /// Module of the device that signs
    #[arg(long, short = 'm', value_name = "ID", requires = "device_id")]
    module_id: Option<String>,
    /// Which of the two keys signs
    #[arg(long, visible_alias = "kt", value_enum, default_value_t = Key::Primary)]
    key_type: Key,
    /// Seconds until the token ends
    #[arg(
        long,
        visible_alias = "du",
        value_name = "SECONDS",
        default_value_t = 3600,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    duration: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Key {
    /// The primary key
    Primary,
    /// The secondary key
    Secondary,
}

pub async fn run(args: &Args, access: &Access) -> Result<Answer, Failure> {
    let life = Duration::from_secs(args.duration.into());
    let text = match (&args.device_id, access.target()) {
        (Some(device), _) => of_identity(device, args, access, life).await?,
        (None, Target::Login(login) | Target::Variable(login)) if signs_alone(login, args) => {
            of_login(login, life)?
        }
        (None, _) => of_policy(args, access, life).await?,
    };
    Ok(Answer::Text { name: "sas", text })
}

/// Whether the string's own key is the one that is asked for.
fn signs_alone(login: &ConnectionString, args: &Args) -> bool {
    let is_named = match (&args.policy, login.policy_name()) {
        (Some(wanted), policy) => policy == Some(wanted),
        (None, _) => true,
    };
    is_named && args.key_type == Key::Primary
}

fn of_login(login: &ConnectionString, life: Duration) -> Result<String, Failure> {
    let Credential::SharedAccessKey(key) = login.credential() else {
        return Err(Failure::Usage(
            "the connection string holds no key to sign with".into(),
        ));
    };
    let hostname = Endpoint::of_hostname(login.host_name())?.hostname;
    let resource = match login.device_id() {
        Some(device) => resource(&hostname, device, login.module_id()),
        None => hostname,
    };
    sign(&resource, key, login.policy_name(), life)
}

async fn of_identity(
    device: &str,
    args: &Args,
    access: &Access,
    life: Duration,
) -> Result<String, Failure> {
    let module = args.module_id.as_deref();
    let hub = access.hub().await?;
    let document = hub.get(&identity::path(device, module)).await?;
    let secondary = args.key_type == Key::Secondary;
    let Credential::SharedAccessKey(key) = identity::credential(&document, secondary)? else {
        return Err(Failure::Usage(
            "the identity signs in with a certificate: it has no key and needs no token".into(),
        ));
    };
    let resource = resource(&device_hostname(access)?, device, module);
    sign(&resource, &key, None, life)
}

async fn of_policy(args: &Args, access: &Access, life: Duration) -> Result<String, Failure> {
    let name = args.policy.as_deref().unwrap_or("iothubowner");
    let policy = access.management()?.policy(name).await?;
    let key = match args.key_type {
        Key::Primary => policy.primary_key,
        Key::Secondary => policy.secondary_key,
    };
    sign(&device_hostname(access)?, &key, Some(name), life)
}

fn resource(hostname: &str, device: &str, module: Option<&str>) -> String {
    match module {
        Some(module) => format!("{hostname}/devices/{device}/modules/{module}"),
        None => format!("{hostname}/devices/{device}"),
    }
}

#[cfg(test)]
mod tests {
    use twinhub_sas::SasToken;

    use super::*;

    #[test]
    fn a_modules_own_string_signs_for_the_module_without_a_hub() {
        let key = twinhub_sas::generate_key();
        let login: ConnectionString =
            format!("HostName=hub:8443;DeviceId=a b;ModuleId=m;SharedAccessKey={key}")
                .parse()
                .unwrap();

        let text = of_login(&login, Duration::from_secs(60)).unwrap();

        let token = SasToken::parse(&text).unwrap();
        assert_eq!(
            token.decoded_resource().unwrap(),
            "hub/devices/a b/modules/m"
        );
        assert_eq!(token.policy_name(), None);
    }
}
