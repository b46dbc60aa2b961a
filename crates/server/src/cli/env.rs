//! `twinhub env`

use twinhub_sas::ConnectionString;

use super::{
    access::{Access, Target, service_hostname},
    always_quoted,
    answer::Answer,
    connection_string,
    failure::Failure,
};
use crate::trust;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  eval \"$(twinhub env)\"
  twinhub env --data-dir ./hub > hub.env

Prints IOTHUB_CONNECTION_STRING, EVENTHUB_CONNECTION_STRING, SSL_CERT_FILE,
REQUESTS_CA_BUNDLE, NODE_EXTRA_CA_CERTS and TWINHUB_CA_FILE for the hub that
runs on the data folder, and fails with 6 while none does. It starts none.")]
pub struct Args {}

pub async fn run(_args: &Args, access: &Access) -> Result<Answer, Failure> {
    if matches!(access.target(), Target::Login(_)) {
        return Err(Failure::Usage(
            "env is about the hub of a data folder: leave --login out, and name the folder with --data-dir".into(),
        ));
    }
    let running = access.running()?;
    let owner = access
        .management_of_folder(&running)?
        .policy("iothubowner")
        .await?;
    let bundle = trust::write_bundle(access.environment(), access.data_dir(), &running.ca)?;
    let bundle = bundle.display().to_string();
    let ca = running.ca.display().to_string();

    let iothub = ConnectionString::for_policy(
        &service_hostname(&running),
        &owner.key_name,
        &owner.primary_key,
    )?;
    let eventhub = connection_string::event_hub(&running, &owner, false);
    Ok(Answer::Shell(exports(&[
        ("IOTHUB_CONNECTION_STRING", &iothub.to_string()),
        ("EVENTHUB_CONNECTION_STRING", &eventhub),
        ("SSL_CERT_FILE", &bundle),
        ("REQUESTS_CA_BUNDLE", &bundle),
        ("NODE_EXTRA_CA_CERTS", &ca),
        ("TWINHUB_CA_FILE", &ca),
    ])))
}

fn exports(variables: &[(&str, &str)]) -> String {
    variables
        .iter()
        .map(|(name, value)| format!("export {name}={}\n", always_quoted(value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_back_what_was_exported() {
        let value = "it's; $HOME `x` \"y\"\\";

        let lines = exports(&[("A", value)]);

        let shell = std::process::Command::new("sh")
            .args(["-c", &format!("{lines}printf %s \"$A\"")])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(shell.stdout).unwrap(), value);
    }
}
