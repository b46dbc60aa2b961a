//! `twinhub message-enrichment`

use serde_json::{Value, json};

use super::{
    access::Access,
    answer::Answer,
    failure::Failure,
    routing::{ENRICHMENTS, given, take_over},
};

const COLUMNS: &[&str] = &["key", "value", "endpointNames"];

#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  twinhub message-enrichment create --key site --value '$twin.tags.site' --endpoints events,lake
  twinhub message-enrichment list --output table
  twinhub message-enrichment delete --key site

An enrichment stamps an application property on events on their way to some
endpoints. Its value is a text, $iothubname, or a part of the sender's twin.

Needs the data folder of the running hub, which holds the operator token.")]
pub enum Command {
    /// Create an enrichment
    #[command(after_help = "\
Examples:
  twinhub message-enrichment create --key hub --value '$iothubname' --endpoints events
  twinhub message-enrichment create -k site -v '$twin.tags.site' -e events,lake")]
    Create(Whole),
    /// List the enrichments
    #[command(after_help = "\
Examples:
  twinhub message-enrichment list --output table")]
    List,
    /// Change some of an enrichment
    #[command(after_help = "\
Examples:
  twinhub message-enrichment update --key site --value '$twin.tags.plant'")]
    Update(Part),
    /// Delete an enrichment
    #[command(after_help = "\
Examples:
  twinhub message-enrichment delete --key site")]
    Delete(Named),
}

#[derive(Debug, clap::Args)]
pub struct Named {
    /// Name of the property
    #[arg(long, short = 'k', value_name = "NAME")]
    key: String,
}

#[derive(Debug, clap::Args)]
pub struct Whole {
    #[command(flatten)]
    named: Named,
    /// Text, $iothubname, $twin.tags.X, $twin.properties.desired.X or $twin.properties.reported.X
    #[arg(long, short = 'v', value_name = "VALUE")]
    value: String,
    /// Endpoints whose copies get it, with commas between them
    #[arg(long, short = 'e', value_name = "NAMES", value_delimiter = ',', num_args = 1.., required = true)]
    endpoints: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub struct Part {
    #[command(flatten)]
    named: Named,
    /// Text, $iothubname, $twin.tags.X, $twin.properties.desired.X or $twin.properties.reported.X
    #[arg(long, short = 'v', value_name = "VALUE")]
    value: Option<String>,
    /// Endpoints whose copies get it, with commas between them
    #[arg(long, short = 'e', value_name = "NAMES", value_delimiter = ',', num_args = 1..)]
    endpoints: Option<Vec<String>>,
}

pub async fn run(command: &Command, access: &Access) -> Result<Answer, Failure> {
    let management = access.management()?;
    let value = match command {
        Command::Create(whole) => {
            let item = json!({
                "key": whole.named.key,
                "value": whole.value,
                "endpointNames": whole.endpoints,
            });
            let change = |routing: &mut Value| ENRICHMENTS.add(routing, item);
            ENRICHMENTS.find(&management.change_routing(change).await?, &whole.named.key)?
        }
        Command::List => ENRICHMENTS.all(&management.routing().await?).into(),
        Command::Update(part) => {
            let key = &part.named.key;
            let changes = given([
                ("value", part.value.as_ref().map(|value| json!(value))),
                (
                    "endpointNames",
                    part.endpoints.as_ref().map(|names| json!(names)),
                ),
            ]);
            let change = |routing: &mut Value| {
                ENRICHMENTS.change(routing, key, |item| take_over(item, changes))
            };
            ENRICHMENTS.find(&management.change_routing(change).await?, key)?
        }
        Command::Delete(named) => {
            let change = |routing: &mut Value| ENRICHMENTS.remove(routing, &named.key);
            management.change_routing(change).await?;
            return Ok(Answer::Nothing);
        }
    };
    Ok(Answer::Documents {
        value,
        columns: COLUMNS,
    })
}
