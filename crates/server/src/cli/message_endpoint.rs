//! `twinhub message-endpoint`

use serde_json::{Value, json};

use self::create::{Create, Kind};
use super::{
    access::Access, answer::Answer, document, failure::Failure, refusal::Refusal, routing::text,
};

mod create;

const COLUMNS: &[&str] = &["kind", "name", "id"];
const HEALTH: &[&str] = &[
    "endpointName",
    "healthStatus",
    "delivered",
    "waiting",
    "lost",
    "invalid",
    "damaged",
    "lastKnownErrorDetail",
];

#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  twinhub message-endpoint create webhook --endpoint-name hook --url https://hook.example/in
  twinhub message-endpoint create storage-container --endpoint-name lake \\
      --connection-string @account.txt --container-name events --encoding JSON
  twinhub message-endpoint list --output table
  twinhub message-endpoint health
  twinhub message-endpoint delete --endpoint-name lake

Routes lead to endpoints; see `twinhub route`. What waits for an endpoint that
can't be reached is kept as long as the hub keeps events.

Needs the data folder of the running hub, which holds the operator token.")]
pub enum Command {
    /// Create an endpoint of a kind
    #[command(subcommand)]
    Create(Create),
    /// Show one endpoint, keys masked
    #[command(after_help = "\
Examples:
  twinhub message-endpoint show --endpoint-name lake")]
    Show(Named),
    /// List the endpoints, keys masked
    List(List),
    /// Change some of an endpoint; what waits for it goes to where it is then
    Update(Update),
    /// Delete an endpoint and what waits for it; no route may lead to it
    #[command(after_help = "\
Examples:
  twinhub message-endpoint delete --endpoint-name lake")]
    Delete(Named),
    /// Tell how the endpoints are, and what waits for them
    #[command(after_help = "\
Examples:
  twinhub message-endpoint health
  twinhub message-endpoint health --output table")]
    Health,
}

#[derive(Debug, clap::Args)]
pub struct Named {
    /// Name of the endpoint
    #[arg(long, short = 'n', visible_aliases = ["name", "en"], value_name = "NAME")]
    endpoint_name: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  twinhub message-endpoint update --endpoint-name lake --set connectionString=@account.txt
  twinhub message-endpoint update --endpoint-name lake --set batchFrequencyInSeconds=60
  twinhub message-endpoint update --endpoint-name hook --set headers.X-Key=abc123

Members are those that `twinhub message-endpoint show` prints. A secret that is
left as it is shown, masked, stays.")]
pub struct Update {
    #[command(flatten)]
    endpoint: Named,
    /// Member to set, MEMBER=VALUE or MEMBER=@FILE; may be repeated
    #[arg(long, value_name = "MEMBER=VALUE", required = true)]
    set: Vec<String>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  twinhub message-endpoint list --output table
  twinhub message-endpoint list --endpoint-type webhook")]
pub struct List {
    /// Only endpoints of this kind
    #[arg(long, short = 't', visible_aliases = ["type", "et"], value_enum)]
    endpoint_type: Option<Kind>,
}

pub async fn run(command: &Command, access: &Access) -> Result<Answer, Failure> {
    let management = access.management()?;
    let value = match command {
        Command::Create(create) => {
            let (kind, document) = create.document()?;
            let name = document["name"].as_str().unwrap_or_default().to_owned();
            let change = |routing: &mut Value| add(routing, kind, document);
            find(&management.change_routing(change).await?, &name)?
        }
        Command::Show(named) => find(&management.routing().await?, &named.endpoint_name)?,
        Command::List(list) => {
            let endpoints = all(&management.routing().await?);
            let wanted = |kind: &Kind| list.endpoint_type.is_none_or(|wanted| wanted == *kind);
            let endpoints = endpoints.into_iter().filter(|(kind, _)| wanted(kind));
            endpoints.map(|(_, endpoint)| endpoint).collect()
        }
        Command::Update(update) => {
            let name = &update.endpoint.endpoint_name;
            let change = |routing: &mut Value| change(routing, name, &update.set);
            find(&management.change_routing(change).await?, name)?
        }
        Command::Delete(named) => {
            let change = |routing: &mut Value| remove(routing, &named.endpoint_name);
            management.change_routing(change).await?;
            return Ok(Answer::Nothing);
        }
        Command::Health => {
            return Ok(Answer::Documents {
                value: management.endpoints_health().await?,
                columns: HEALTH,
            });
        }
    };
    Ok(Answer::Documents {
        value,
        columns: COLUMNS,
    })
}

/// All endpoints; each says of which kind it is.
fn all(routing: &Value) -> Vec<(Kind, Value)> {
    let of_kind = |kind: Kind| {
        let list = routing["endpoints"][kind.member()].as_array();
        list.cloned()
            .unwrap_or_default()
            .into_iter()
            .map(move |mut endpoint| {
                endpoint["kind"] = json!(kind.word());
                (kind, endpoint)
            })
    };
    Kind::ALL.into_iter().flat_map(of_kind).collect()
}

fn find(routing: &Value, name: &str) -> Result<Value, Failure> {
    let mut all = all(routing).into_iter();
    let found = all.find(|(_, endpoint)| is(endpoint, name));
    found
        .map(|(_, endpoint)| endpoint)
        .ok_or_else(|| missing(name))
}

fn add(routing: &mut Value, kind: Kind, endpoint: Value) -> Result<(), Failure> {
    let name = endpoint["name"].as_str().unwrap_or_default();
    if find(routing, name).is_ok() {
        return Err(Failure::Refused(Refusal {
            status: 409,
            code: None,
            message: Some(format!("there is an endpoint {name:?} already")),
        }));
    }
    match routing["endpoints"][kind.member()].as_array_mut() {
        Some(list) => list.push(endpoint),
        None => routing["endpoints"][kind.member()] = json!([endpoint]),
    }
    Ok(())
}

fn change(routing: &mut Value, name: &str, assignments: &[String]) -> Result<(), Failure> {
    let kind = all(routing).into_iter();
    let mut kind = kind.filter(|(_, endpoint)| is(endpoint, name));
    let (kind, _) = kind.next().ok_or_else(|| missing(name))?;
    let list = routing["endpoints"][kind.member()].as_array_mut();
    let mut endpoints = list.into_iter().flatten();
    let endpoint = endpoints.find(|endpoint| is(endpoint, name));
    let endpoint = endpoint.ok_or_else(|| missing(name))?;
    for assignment in assignments {
        match assignment.split_once("=@") {
            // A text, also if it reads as JSON: secrets come from files.
            Some((path, file)) if !path.contains('=') => {
                let value = Value::from(text("--set", &format!("@{file}"))?);
                document::set(endpoint, &format!("{path}={value}"))?;
            }
            _ => document::set(endpoint, assignment)?,
        }
    }
    Ok(())
}

fn remove(routing: &mut Value, name: &str) -> Result<(), Failure> {
    find(routing, name)?;
    for kind in Kind::ALL {
        if let Some(list) = routing["endpoints"][kind.member()].as_array_mut() {
            list.retain(|endpoint| !is(endpoint, name));
        }
    }
    Ok(())
}

fn is(endpoint: &Value, name: &str) -> bool {
    let known = endpoint["name"].as_str();
    known.is_some_and(|known| known.eq_ignore_ascii_case(name))
}

fn missing(name: &str) -> Failure {
    Failure::Refused(Refusal {
        status: 404,
        code: None,
        message: Some(format!("there is no endpoint {name:?}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routing() -> Value {
        json!({ "endpoints": { "storageContainers": [{ "name": "Lake" }], "webhooks": [] } })
    }

    #[test]
    fn an_endpoint_is_added_once_whatever_its_kind() {
        let mut routing = routing();

        let twice = add(&mut routing, Kind::Webhook, json!({ "name": "lake" }));
        add(&mut routing, Kind::Nats, json!({ "name": "nats" })).unwrap();

        assert_eq!(twice.unwrap_err().exit_code(), 5);
        let all = all(&routing);
        let names: Vec<_> = all.iter().map(|(_, endpoint)| &endpoint["name"]).collect();
        assert_eq!(names, ["Lake", "nats"]);
        assert_eq!(all[0].1["kind"], "storage-container");
    }

    #[test]
    fn members_of_an_endpoint_are_set_in_place_or_from_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key");
        std::fs::write(&file, "12345\n").unwrap();
        let mut routing = routing();
        let sets = [
            format!("connectionString=@{}", file.display()),
            "batchFrequencyInSeconds=60".to_owned(),
            "headers.X-Key=a=@b".to_owned(),
        ];

        change(&mut routing, "LAKE", &sets).unwrap();

        let expected = json!({
            "name": "Lake",
            "connectionString": "12345",
            "batchFrequencyInSeconds": 60,
            "headers": { "X-Key": "a=@b" },
        });
        assert_eq!(routing["endpoints"]["storageContainers"], json!([expected]));
        assert_eq!(
            change(&mut routing, "none", &sets).unwrap_err().exit_code(),
            3
        );
        let bad = change(&mut routing, "lake", &["x".to_owned()]);
        assert_eq!(bad.unwrap_err().exit_code(), 2);
    }

    #[test]
    fn an_endpoint_is_found_and_removed_in_any_case() {
        let mut routing = routing();

        assert_eq!(find(&routing, "LAKE").unwrap()["name"], "Lake");
        remove(&mut routing, "lake").unwrap();

        assert_eq!(remove(&mut routing, "lake").unwrap_err().exit_code(), 3);
        assert_eq!(routing["endpoints"]["storageContainers"], json!([]));
    }
}
