//! `twinhub consumer-group`

use hyper::Method;
use serde_json::{Value, json};

use super::{access::Access, answer::Answer, failure::Failure};

const COLUMNS: &[&str] = &["name", "properties.created"];

#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  twinhub consumer-group create --name dashboards
  twinhub consumer-group list --output table
  twinhub consumer-group delete --name dashboards

Programs that read the hub's events apart from each other use a consumer group
each. Every hub has $Default, which can't be deleted.

Needs the data folder of the running hub, which holds the operator token.")]
pub enum Command {
    /// Create a consumer group; one that is there already stays as it is
    #[command(after_help = "\
Examples:
  twinhub consumer-group create --name dashboards")]
    Create(Named),
    /// List the consumer groups
    #[command(after_help = "\
Examples:
  twinhub consumer-group list
  twinhub consumer-group list --output table")]
    List,
    /// Show one consumer group
    #[command(after_help = "\
Examples:
  twinhub consumer-group show --name dashboards")]
    Show(Named),
    /// Delete a consumer group; its readers are cut off at once
    #[command(after_help = "\
Examples:
  twinhub consumer-group delete -n dashboards")]
    Delete(Named),
}

#[derive(Debug, clap::Args)]
pub struct Named {
    /// Name of the consumer group
    #[arg(long, short = 'n', value_name = "NAME")]
    name: String,
}

pub async fn run(command: &Command, access: &Access) -> Result<Answer, Failure> {
    let (method, name, body) = command.call();
    let answer = access
        .management()?
        .consumer_groups(method, name, body.as_ref())
        .await?;
    let value = match command {
        Command::Delete(_) => return Ok(Answer::Nothing),
        Command::List => answer.get("value").cloned().unwrap_or_default(),
        _ => answer,
    };
    Ok(Answer::Documents {
        value,
        columns: COLUMNS,
    })
}

impl Command {
    /// What is sent: method, name of the group, body.
    fn call(&self) -> (Method, Option<&str>, Option<Value>) {
        match self {
            Self::List => (Method::GET, None, None),
            Self::Show(named) => (Method::GET, Some(&named.name), None),
            Self::Delete(named) => (Method::DELETE, Some(&named.name), None),
            Self::Create(named) => {
                let body = json!({"properties": {"name": named.name}});
                (Method::PUT, Some(&named.name), Some(body))
            }
        }
    }
}
