//! `twinhub route`

use clap::{ArgAction, ValueEnum};
use serde_json::{Value, json};

use super::{
    access::Access,
    answer::Answer,
    document,
    failure::Failure,
    management::Management,
    routing::{ROUTES, given, take_over, text},
};

const COLUMNS: &[&str] = &["name", "source", "condition", "endpointNames", "isEnabled"];
const RESULT: &[&str] = &["result"];

#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  twinhub route create --route-name hot --source-type DeviceMessages \\
      --endpoint-name lake --condition '$body.temperature > 30'
  twinhub route create --route-name changes --source-type TwinChangeEvents \\
      --endpoint-name events
  twinhub route test --body '{\"temperature\": 31}' \\
      --system-properties 'contentType=application/json;contentEncoding=utf-8'
  twinhub route list --output table
  twinhub route fallback set --enabled false

A route takes events of one source that meet a condition to an endpoint: events,
where readers of the hub's events are, or one of `twinhub message-endpoint`.
Telemetry that no route takes goes to events by the fallback route. Events of
other sources go nowhere without a route.

Needs the data folder of the running hub, which holds the operator token.")]
pub enum Command {
    /// Create a route
    Create(Create),
    /// Show one route
    #[command(after_help = "\
Examples:
  twinhub route show --route-name hot")]
    Show(Named),
    /// List the routes
    List(List),
    /// Change some of a route
    Update(Update),
    /// Delete a route; events that it took already are still delivered
    #[command(after_help = "\
Examples:
  twinhub route delete --route-name hot")]
    Delete(Named),
    /// Try routes on a message
    Test(Test),
    /// Show and change the fallback route
    #[command(subcommand)]
    Fallback(Fallback),
}

#[derive(Debug, clap::Args)]
pub struct Named {
    /// Name of the route
    #[arg(long, short = 'n', visible_aliases = ["name", "rn"], value_name = "NAME")]
    route_name: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  twinhub route create --route-name all --source-type DeviceMessages --endpoint-name events
  twinhub route create -n hot -t DeviceMessages --en lake -c '$body.temperature > 30'

In conditions, put blanks around operators: = and - are legal in names.")]
pub struct Create {
    #[command(flatten)]
    route: Named,
    /// Which events the route is about
    #[arg(long, short = 't', visible_aliases = ["source", "st"], value_enum, ignore_case = true)]
    source_type: Source,
    /// Where they go: events, or a custom endpoint
    #[arg(long, visible_aliases = ["endpoint", "en"], value_name = "NAME")]
    endpoint_name: String,
    /// Which of them [default: true]
    #[arg(long, short = 'c', value_name = "CONDITION")]
    condition: Option<String>,
    /// Whether the route counts
    #[arg(long, short = 'e', action = ArgAction::Set, default_value_t = true, value_name = "BOOL")]
    enabled: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  twinhub route update --route-name hot --condition '$body.temperature > 35'
  twinhub route update --route-name hot --enabled false")]
pub struct Update {
    #[command(flatten)]
    route: Named,
    /// Which events the route is about
    #[arg(long, short = 't', visible_aliases = ["source", "st"], value_enum, ignore_case = true)]
    source_type: Option<Source>,
    /// Where they go: events, or a custom endpoint
    #[arg(long, visible_aliases = ["endpoint", "en"], value_name = "NAME")]
    endpoint_name: Option<String>,
    /// Which of them
    #[arg(long, short = 'c', value_name = "CONDITION")]
    condition: Option<String>,
    /// Whether the route counts
    #[arg(long, short = 'e', action = ArgAction::Set, value_name = "BOOL")]
    enabled: Option<bool>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  twinhub route list --output table
  twinhub route list --source-type TwinChangeEvents")]
pub struct List {
    /// Only routes about these events
    #[arg(long, short = 't', visible_aliases = ["source", "st"], value_enum, ignore_case = true)]
    source_type: Option<Source>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  twinhub route test --body '{\"temperature\": 31}' \\
      --system-properties 'contentType=application/json;contentEncoding=utf-8'
  twinhub route test --route-name hot --app-properties 'level=high'
  twinhub route test --condition \"\\$twin.tags.site = 'oslo'\" --twin '{\"tags\": {\"site\": \"oslo\"}}'

With --route-name or --condition, tells whether the message would be taken:
true, false or undefined, and what is wrong with the condition. Without, lists
the enabled routes that would take it.")]
pub struct Test {
    /// The route to try, also if it is disabled
    #[arg(long, short = 'n', visible_aliases = ["name", "rn"], value_name = "NAME", conflicts_with_all = ["condition", "source_type"])]
    route_name: Option<String>,
    /// A condition to try, of no route yet
    #[arg(
        long,
        short = 'c',
        value_name = "CONDITION",
        conflicts_with = "source_type"
    )]
    condition: Option<String>,
    /// Try only routes about these events
    #[arg(long, short = 't', visible_aliases = ["source", "st"], value_enum, ignore_case = true)]
    source_type: Option<Source>,
    /// Body of the message, or @FILE
    #[arg(long, short = 'b', value_name = "TEXT")]
    body: Option<String>,
    /// Application properties: NAME=VALUE;NAME=VALUE, or a JSON object
    #[arg(long, visible_alias = "ap", value_name = "PROPERTIES")]
    app_properties: Option<String>,
    /// System properties, such as contentType: as --app-properties
    #[arg(long, visible_alias = "sp", value_name = "PROPERTIES")]
    system_properties: Option<String>,
    /// Twin of the sender: a JSON object with tags and properties, or @file.json
    #[arg(long, value_name = "JSON")]
    twin: Option<String>,
}

#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  twinhub route fallback show
  twinhub route fallback set --enabled false

While it is enabled, telemetry that no route takes goes to events. Without it
such telemetry is lost, and counted.")]
pub enum Fallback {
    /// Show the fallback route
    #[command(after_help = "\
Examples:
  twinhub route fallback show")]
    Show,
    /// Enable or disable the fallback route
    #[command(after_help = "\
Examples:
  twinhub route fallback set --enabled true")]
    Set {
        /// Whether the route counts
        #[arg(long, short = 'e', action = ArgAction::Set, value_name = "BOOL")]
        enabled: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
pub enum Source {
    /// Telemetry
    DeviceMessages,
    /// Changes of twins
    TwinChangeEvents,
    /// Devices and modules created and deleted
    DeviceLifecycleEvents,
    /// Devices and modules connected and disconnected
    DeviceConnectionStateEvents,
    /// Progress of scheduled jobs
    DeviceJobLifecycleEvents,
    /// Changes of plug and play properties
    DigitalTwinChangeEvents,
}

impl Source {
    fn name(self) -> String {
        format!("{self:?}")
    }
}

pub async fn run(command: &Command, access: &Access) -> Result<Answer, Failure> {
    let management = access.management()?;
    let value = match command {
        Command::Create(create) => {
            let change = |routing: &mut Value| ROUTES.add(routing, create.document());
            let routing = management.change_routing(change).await?;
            ROUTES.find(&routing, &create.route.route_name)?
        }
        Command::Show(named) => ROUTES.find(&management.routing().await?, &named.route_name)?,
        Command::List(list) => {
            let mut routes = ROUTES.all(&management.routing().await?);
            let source = list.source_type.map(Source::name);
            routes.retain(|route| {
                source
                    .as_deref()
                    .is_none_or(|source| route["source"] == source)
            });
            routes.into()
        }
        Command::Update(update) => {
            let name = &update.route.route_name;
            let change = |routing: &mut Value| {
                ROUTES.change(routing, name, |route| take_over(route, update.changes()))
            };
            ROUTES.find(&management.change_routing(change).await?, name)?
        }
        Command::Delete(named) => {
            let change = |routing: &mut Value| ROUTES.remove(routing, &named.route_name);
            management.change_routing(change).await?;
            return Ok(Answer::Nothing);
        }
        Command::Test(test) => return test.run(&management).await,
        Command::Fallback(Fallback::Show) => fallback(&management.routing().await?),
        Command::Fallback(Fallback::Set { enabled }) => {
            let change = |routing: &mut Value| {
                routing["fallbackRoute"]["isEnabled"] = json!(enabled);
                Ok(())
            };
            fallback(&management.change_routing(change).await?)
        }
    };
    Ok(Answer::Documents {
        value,
        columns: COLUMNS,
    })
}

fn fallback(routing: &Value) -> Value {
    routing["fallbackRoute"].clone()
}

impl Create {
    fn document(&self) -> Value {
        json!({
            "name": self.route.route_name,
            "source": self.source_type.name(),
            "condition": self.condition.as_deref().unwrap_or("true"),
            "endpointNames": [self.endpoint_name],
            "isEnabled": self.enabled,
        })
    }
}

impl Update {
    fn changes(&self) -> Value {
        given([
            (
                "source",
                self.source_type.map(|source| json!(source.name())),
            ),
            (
                "endpointNames",
                self.endpoint_name.as_ref().map(|name| json!([name])),
            ),
            ("condition", self.condition.as_ref().map(|text| json!(text))),
            ("isEnabled", self.enabled.map(Value::from)),
        ])
    }
}

impl Test {
    async fn run(&self, management: &Management) -> Result<Answer, Failure> {
        let mut trial = json!({ "message": self.message()? });
        if let Some(twin) = &self.twin {
            trial["twin"] = document::object("--twin", twin)?;
        }
        if self.route_name.is_none() && self.condition.is_none() {
            if let Some(source) = self.source_type {
                trial["routingSource"] = json!(source.name());
            }
            let answer = management.test_routes("$testall", &trial).await?;
            let matching = answer["routes"].as_array().into_iter().flatten();
            let matching = matching.map(|route| route["properties"].clone());
            return Ok(Answer::Documents {
                value: matching.collect(),
                columns: COLUMNS,
            });
        }
        trial["route"] = match (&self.route_name, &self.condition) {
            (Some(name), _) => ROUTES.find(&management.routing().await?, name)?,
            (None, condition) => json!({
                "name": "condition",
                "source": Source::DeviceMessages.name(),
                "condition": condition,
                "endpointNames": ["events"],
                "isEnabled": true,
            }),
        };
        Ok(Answer::Documents {
            value: management.test_routes("$testnew", &trial).await?,
            columns: RESULT,
        })
    }

    fn message(&self) -> Result<Value, Failure> {
        let body = self.body.as_deref().map(|body| text("--body", body));
        let properties = |option, text: &Option<String>| {
            let text = text.as_deref();
            text.map(|text| properties(option, text)).transpose()
        };
        Ok(given([
            ("body", body.transpose()?.map(Value::from)),
            (
                "appProperties",
                properties("--app-properties", &self.app_properties)?,
            ),
            (
                "systemProperties",
                properties("--system-properties", &self.system_properties)?,
            ),
        ]))
    }
}

/// As everywhere on the command line, or as `az` wants them.
fn properties(option: &str, text: &str) -> Result<Value, Failure> {
    if text.trim_start().starts_with(['{', '@']) {
        return document::object(option, text);
    }
    let pairs = super::properties::parse(option, text)?.into_iter();
    let text_of = |value: Option<String>| Value::from(value.unwrap_or_default());
    Ok(Value::Object(
        pairs.map(|(name, value)| (name, text_of(value))).collect(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_written_as_azure_writes_them() {
        for source in Source::value_variants() {
            let word = source.to_possible_value().unwrap();
            assert_eq!(source.name(), word.get_name());
        }
    }

    #[test]
    fn properties_come_as_pairs_or_as_json() {
        let pairs = properties("--app-properties", "level=high;flag").unwrap();
        let json = properties("--app-properties", r#"{"level": "high"}"#).unwrap();

        assert_eq!(pairs, json!({ "level": "high", "flag": "" }));
        assert_eq!(json, json!({ "level": "high" }));
        let bad = properties("--app-properties", "{level}");
        assert_eq!(bad.unwrap_err().exit_code(), 2);
    }

    #[test]
    fn an_update_names_only_what_changes() {
        let update = Update {
            route: Named {
                route_name: "hot".into(),
            },
            source_type: None,
            endpoint_name: Some("lake".into()),
            condition: None,
            enabled: Some(false),
        };

        let expected = json!({ "endpointNames": ["lake"], "isEnabled": false });
        assert_eq!(update.changes(), expected);
    }
}
