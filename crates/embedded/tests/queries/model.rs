//! Random twins and random queries: what SQL and indexes do must not be seen.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use twinhub_core::identities::{Authentication, Status, Thumbprints};
use twinhub_core::presence::ConnectionEntry;

use crate::plant::{Given, Plant, device, module};

const MEMBERS: &[&str] = &[
    "deviceId",
    "moduleId",
    "status",
    "authenticationType",
    "statusReason",
    "deviceScope",
    "modelId",
    "capabilities.iotEdge",
    "x509Thumbprint.primaryThumbprint",
];
const KEYS: &[&str] = &["a", "b", "c-d", "_9", "x y", "é", "it's", "q\"", "back\\"];
const TEXTS: &[&str] = &[
    "",
    "a",
    "ab",
    "abc",
    "b",
    "A",
    "1",
    "true",
    "null",
    "é",
    "z\u{10ffff}",
    "\u{d7ff}",
    "\u{e000}",
    "it's",
    "\"",
    "\\",
    "a\0b",
    "a\u{1}",
    "\n",
    "😀",
];
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "2",
    "1.5",
    "-0.0",
    "1e3",
    "1000",
    "0.1",
    "0.30000000000000004",
    "1e300",
    "5e-324",
    "4503599627370495",
    "-4503599627370496",
    "123456789.123456789",
    "2.0",
];

fn number() -> impl Strategy<Value = f64> {
    let listed = prop::sample::select(NUMBERS).prop_map(|text| text.parse().unwrap());
    prop_oneof![4 => listed, 1 => -1e6..1e6f64]
}

fn text() -> impl Strategy<Value = String> {
    prop::sample::select(TEXTS).prop_map(str::to_owned)
}

/// A number as somebody would write it: whole ones mostly without a point.
fn json_number(number: f64, whole: bool) -> Value {
    if whole && number.fract() == 0.0 && number.abs() < 4e15 {
        return json!(number as i64);
    }
    json!(number)
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => text().prop_map(Value::from),
        4 => (number(), any::<bool>()).prop_map(|(number, whole)| json_number(number, whole)),
        2 => any::<bool>().prop_map(Value::from),
        1 => prop::collection::vec(text().prop_map(Value::from), 0..3).prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop::collection::vec((storable_key(), inner), 0..3)
            .prop_map(|members| Value::Object(members.into_iter().collect()))
    })
}

/// Twins have no blanks in their keys.
fn storable_key() -> impl Strategy<Value = String> {
    let storable: Vec<_> = KEYS.iter().filter(|key| !key.contains(' ')).collect();
    prop::sample::select(storable).prop_map(|key| (*key).to_owned())
}

fn section() -> impl Strategy<Value = Value> {
    prop::collection::vec((storable_key(), value()), 0..4)
        .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>()))
}

type RandomTwin = (Value, Value, Value, bool, bool, bool, Authentication);

fn authentication() -> impl Strategy<Value = Authentication> {
    let thumbprints = Thumbprints {
        primary: Some("abc".to_owned()),
        secondary: None,
    };
    prop::sample::select(vec![
        Authentication::None,
        Authentication::CertificateAuthority,
        Authentication::SelfSigned(thumbprints),
    ])
}

fn twins() -> impl Strategy<Value = Vec<RandomTwin>> {
    let yes = any::<bool>;
    let sections = (section(), section(), section());
    let twin = (sections, yes(), yes(), yes(), authentication()).prop_map(
        |((tags, desired, reported), enabled, edge, with_module, authentication)| {
            (
                tags,
                desired,
                reported,
                enabled,
                edge,
                with_module,
                authentication,
            )
        },
    );
    prop::collection::vec(twin, 1..12)
}

/// Which of the devices and of their modules are connected: few or many.
fn connected() -> impl Strategy<Value = Vec<bool>> {
    prop::sample::select(vec![0.1, 0.5, 0.9])
        .prop_flat_map(|likely| prop::collection::vec(prop::bool::weighted(likely), 24))
}

fn connect(plant: &Plant, there: &[Given], connected: &[bool]) -> Vec<ConnectionEntry> {
    let ids = there.iter().map(|given| given.identity.id());
    let chosen = ids.zip(connected).filter(|(_, connected)| **connected);
    plant.connect(chosen.map(|(id, _)| id))
}

fn given(number: usize, twin: RandomTwin) -> Vec<Given> {
    let (tags, desired, reported, enabled, edge, with_module, authentication) = twin;
    let id = format!("d{}", number * 7 % 12);
    let mut all = Vec::new();
    if with_module {
        let module = module(&id, "m")
            .tags(reported.clone())
            .reported(tags.clone());
        all.push(module);
    }
    all.push(
        device(&id)
            .tags(tags)
            .desired(desired)
            .reported(reported)
            .model(if edge == enabled { "a" } else { "" })
            .device(|device| {
                device.edge = edge;
                device.authentication = authentication;
                device.scope = edge.then(|| "a".to_owned());
                if !enabled {
                    device.status = Status::Disabled;
                    device.status_reason = edge.then(|| "null".to_owned());
                }
            }),
    );
    all
}

fn quoted(text: &str) -> String {
    let escaped: String = text
        .chars()
        .map(|character| match character {
            '\'' | '\\' => format!("\\{character}"),
            '\0'..='\u{1f}' => format!("\\u{:04x}", u32::from(character)),
            other => other.to_string(),
        })
        .collect();
    format!("'{escaped}'")
}

fn constant() -> impl Strategy<Value = String> {
    prop_oneof![
        5 => text().prop_map(|text| quoted(&text)),
        3 => prop::sample::select(NUMBERS).prop_map(str::to_owned),
        1 => Just("true".to_owned()),
        1 => Just("false".to_owned()),
        1 => Just("null".to_owned()),
    ]
}

fn path() -> impl Strategy<Value = String> {
    let root = prop::sample::select(&["tags", "properties.desired", "properties.reported"]);
    let key = prop::sample::select(KEYS).prop_map(|key| format!("[[{key}]]"));
    let deep = (root, prop::collection::vec(key, 1..3))
        .prop_map(|(root, keys)| format!("{root}.{}", keys.join(".")));
    let flat = prop::sample::select(&[
        "deviceId",
        "moduleId",
        "status",
        "modelId",
        "version",
        "etag",
        "capabilities.iotEdge",
        "properties.desired.$version",
        "properties.reported.$version",
        "connectionState",
        "tags",
        "tags.$version",
        "authenticationType.x",
        "statusReason",
        "statusUpdateTime",
        "deviceScope",
        "capabilities",
        "x509Thumbprint.primaryThumbprint",
        "x509Thumbprint",
    ]);
    prop_oneof![6 => deep, 2 => flat.prop_map(str::to_owned)]
}

/// What leaves the connected, the others, all or nobody.
fn state() -> impl Strategy<Value = String> {
    let conditions = [
        "connectionState = 'Connected'",
        "connectionState <> 'Disconnected'",
        "'Connected' = connectionState",
        "connectionState IN ['Connected', 'x']",
        "connectionState NIN ['Disconnected']",
        "NOT connectionState < 'D' ",
        "connectionState != 'Connected'",
        "connectionState = 'connected'",
        "STARTSWITH(connectionState, 'C')",
        "IS_DEFINED(connectionState)",
    ];
    prop::sample::select(conditions.map(str::to_owned).to_vec())
}

fn predicate() -> impl Strategy<Value = String> {
    let comparison = || prop::sample::select(&["=", "!=", "<>", "<", "<=", ">", ">="]);
    let id = prop::sample::select(&[
        "'d1'",
        "'d7'",
        "'d'",
        "'m'",
        "'enabled'",
        "'disabled'",
        "'none'",
        "'selfSigned'",
        "'abc'",
        "'a'",
        "null",
        "true",
    ]);
    let list = || prop::collection::vec(constant(), 1..4).prop_map(|list| list.join(", "));
    prop_oneof![
        6 => (path(), comparison(), constant()).prop_map(|(p, c, v)| format!("{p} {c} {v}")),
        2 => (constant(), comparison(), path()).prop_map(|(v, c, p)| format!("{v} {c} {p}")),
        3 => (prop::sample::select(MEMBERS), comparison(), id)
            .prop_map(|(p, c, v)| format!("{p} {c} {v}")),
        1 => (path(), comparison(), path()).prop_map(|(l, c, r)| format!("{l} {c} {r}")),
        2 => (path(), list()).prop_map(|(p, list)| format!("{p} IN [{list}]")),
        2 => (path(), list()).prop_map(|(p, list)| format!("{p} NIN [{list}]")),
        2 => path().prop_map(|path| format!("IS_DEFINED({path})")),
        2 => (path(), text()).prop_map(|(p, t)| format!("STARTSWITH({p}, {})", quoted(&t))),
        1 => (path(), text()).prop_map(|(p, t)| format!("ENDSWITH({p}, {})", quoted(&t))),
        1 => (path(), constant()).prop_map(|(p, v)| format!("ARRAY_CONTAINS({p}, {v})")),
        1 => (path(), constant()).prop_map(|(p, v)| format!("{p} + 1 > {v}")),
        1 => path(),
        1 => constant(),
        3 => state(),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    predicate().prop_recursive(3, 12, 3, |inner| {
        let many = |operator: &'static str, inner: BoxedStrategy<String>| {
            prop::collection::vec(inner, 2..4)
                .prop_map(move |parts| format!("({})", parts.join(operator)))
        };
        let inner = inner.boxed();
        prop_oneof![
            2 => many(" AND ", inner.clone()),
            2 => many(" OR ", inner.clone()),
            1 => inner.prop_map(|inner| format!("NOT ({inner})")),
        ]
    })
}

fn query() -> impl Strategy<Value = String> {
    let select = prop::sample::select(&[
        "*",
        "deviceId, moduleId, tags, properties.reported.a",
        "COUNT() AS n, SUM(tags.a) AS s, MIN(tags.a) AS low, MAX(properties.desired.b) AS high",
        "tags.a, status, COUNT() AS n, AVG(tags.b) AS mean",
    ]);
    let source = prop::sample::select(&["devices", "devices.modules"]);
    let condition = prop_oneof![4 => condition(), 1 => state()];
    (select, source, prop::collection::vec(condition, 1..3)).prop_map(
        |(select, source, conditions)| {
            let group = if select.starts_with("tags.a") {
                " GROUP BY tags.a, status"
            } else {
                ""
            };
            let conditions = conditions.join(" AND ");
            format!("SELECT {select} FROM {source} WHERE {conditions}{group}")
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn pushing_conditions_down_changes_no_answer(
        twins in twins(),
        connected in connected(),
        queries in prop::collection::vec((query(), 1..9usize), 40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let answers = runtime.block_on(async {
            let plant = Plant::new().await;
            let twins = twins.into_iter().enumerate();
            let there: Vec<Given> = twins.flat_map(|(number, twin)| given(number, twin)).collect();
            plant.with(there.iter().cloned()).await;
            let _connections = connect(&plant, &there, &connected);
            let mut answers = Vec::new();
            for (query, size) in queries {
                let pushed = plant.rows(&query, size).await.unwrap();
                let naive = plant.naive_rows(&query, 100).await.unwrap();
                answers.push((query, pushed, naive));
            }
            answers
        });

        for (query, pushed, naive) in answers {
            prop_assert_eq!(pushed, naive, "{}", query);
        }
    }

    #[test]
    fn indexes_change_no_answer_before_while_and_after_they_are_built(
        before in twins(),
        after in twins(),
        connected in prop::collection::vec(connected(), 2),
        queries in prop::collection::vec((query(), 1..9usize), 12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let answers = runtime.block_on(async {
            let plant = Plant::eager().await;
            let twins = before.into_iter().enumerate();
            let mut there: Vec<Given> = twins.flat_map(|(number, twin)| given(number, twin)).collect();
            plant.with(there.iter().cloned()).await;
            let connections = connect(&plant, &there, &connected[0]);
            let mut answers = Vec::new();
            // What is asked first has no index, what comes soon one that is
            // not built.
            ask(&plant, &queries, &mut answers).await;
            ask(&plant, &queries, &mut answers).await;
            let built = plant.indexes_built().await;
            ask(&plant, &queries, &mut answers).await;
            assert!(plant.indexes_built().await >= built);
            for (number, twin) in after.into_iter().enumerate() {
                for changed in given(number, twin) {
                    let id = changed.identity.id();
                    let place = there.iter().position(|given| given.identity.id() == id);
                    match place {
                        Some(_) => {
                            plant.replace(&changed).await;
                            plant.replace_identity(&changed).await;
                        }
                        None => plant.with([changed]).await,
                    }
                }
            }
            ask(&plant, &queries, &mut answers).await;
            plant.indexes_built().await;
            drop(connections);
            let _connections = connect(&plant, &there, &connected[1]);
            let gone = there.swap_remove(0);
            plant.remove(&gone.identity.id()).await;
            ask(&plant, &queries, &mut answers).await;
            answers
        });

        for (query, indexed, naive) in answers {
            prop_assert_eq!(indexed, naive, "{}", query);
        }
    }
}

async fn ask(
    plant: &Plant,
    queries: &[(String, usize)],
    answers: &mut Vec<(String, Vec<Value>, Vec<Value>)>,
) {
    for (query, size) in queries {
        let indexed = plant.rows(query, *size).await.unwrap();
        let naive = plant.naive_rows(query, 100).await.unwrap();
        answers.push((query.clone(), indexed, naive));
    }
}
