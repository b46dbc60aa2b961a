//! `twinhub invoke-device-method` and `twinhub invoke-module-method`

use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};

use super::{access::Access, answer::Answer, document::any, failure::Failure, hub::Call};

const COLUMNS: &[&str] = &["status", "payload"];

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  twinhub invoke-device-method -d sensor-1 --method-name reboot
  twinhub invoke-device-method -d sensor-1 --mn set-interval --mp '{\"seconds\": 5}'
  twinhub invoke-device-method -d sensor-1 --mn reboot --connect-timeout 60 --timeout 60")]
pub struct DeviceMethod {
    /// Device; upper and lower case count
    #[arg(long, short = 'd', value_name = "ID")]
    device_id: String,
    #[command(flatten)]
    invocation: Invocation,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  twinhub invoke-module-method -d sensor-1 -m thermostat --method-name calibrate
  twinhub invoke-module-method -d sensor-1 -m thermostat --mn set --mp @target.json")]
pub struct ModuleMethod {
    /// Device; upper and lower case count
    #[arg(long, short = 'd', value_name = "ID")]
    device_id: String,
    /// Module; upper and lower case count
    #[arg(long, short = 'm', value_name = "ID")]
    module_id: String,
    #[command(flatten)]
    invocation: Invocation,
}

#[derive(Debug, clap::Args)]
struct Invocation {
    /// Method to call
    #[arg(long, visible_alias = "mn", value_name = "NAME")]
    method_name: String,
    /// Payload of the call: JSON of any kind, or @file
    #[arg(
        long,
        visible_alias = "mp",
        value_name = "JSON",
        default_value = "{}",
        allow_hyphen_values = true
    )]
    method_payload: String,
    /// Seconds to wait for the answer, 5 to 300
    #[arg(
        long,
        visible_alias = "to",
        value_name = "SECONDS",
        default_value_t = 30
    )]
    timeout: u64,
    /// Seconds to wait until somebody listens to the method, 0 to 300
    #[arg(
        long,
        visible_alias = "cto",
        value_name = "SECONDS",
        default_value_t = 0
    )]
    connect_timeout: u64,
}

pub async fn run_device(args: &DeviceMethod, access: &Access) -> Result<Answer, Failure> {
    let path = ["twins", &args.device_id, "methods"];
    args.invocation.run(access, &path).await
}

pub async fn run_module(args: &ModuleMethod, access: &Access) -> Result<Answer, Failure> {
    let (device, module) = (&args.device_id, &args.module_id);
    let path = ["twins", device, "modules", module, "methods"];
    args.invocation.run(access, &path).await
}

impl Invocation {
    async fn run(&self, access: &Access, path: &[&str]) -> Result<Answer, Failure> {
        let body = self.document()?;
        let hub = access.hub().await?;
        let call = Call {
            body: Some(&body),
            patience: self.patience(),
            ..Call::new(Method::POST, path)
        };
        Ok(Answer::Documents {
            value: hub.send(call).await?,
            columns: COLUMNS,
        })
    }

    fn document(&self) -> Result<Value, Failure> {
        Ok(json!({
            "methodName": self.method_name,
            "payload": any("--method-payload", &self.method_payload)?,
            "responseTimeoutInSeconds": self.timeout,
            "connectTimeoutInSeconds": self.connect_timeout,
        }))
    }

    /// How long the hub may wait for the device.
    fn patience(&self) -> Duration {
        Duration::from_secs(self.timeout.saturating_add(self.connect_timeout))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        method: DeviceMethod,
    }

    fn invocation(line: &str) -> Invocation {
        let words = line.split(' ');
        Line::parse_from(words).method.invocation
    }

    #[test]
    fn the_short_options_of_az_are_taken() {
        let call = invocation("it -d pump-7 --mn stop --mp -1 --to 60 --cto 20");

        assert_eq!(
            call.document().unwrap(),
            json!({
                "methodName": "stop",
                "payload": -1,
                "responseTimeoutInSeconds": 60,
                "connectTimeoutInSeconds": 20,
            })
        );
        assert_eq!(call.patience(), Duration::from_secs(80));
    }

    #[test]
    fn a_payload_is_an_empty_object_unless_given_and_json_in_any_case() {
        let call = invocation("it -d pump-7 --method-name stop");
        assert_eq!(call.document().unwrap()["payload"], json!({}));
        let wrong = invocation("it -d pump-7 --mn stop --mp stop");
        assert_eq!(wrong.document().unwrap_err().exit_code(), 2);
    }
}
