//! Settings as people read them: in groups, with units, and with the key that
//! changes each in `twinhub.toml`.

use serde_json::Value;

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// Nothing: a port, a name.
    Plain,
    /// Things that the label names.
    Things,
    Days,
    Seconds,
    Gigabytes,
}

/// A setting that has a place of its own; others follow at the end.
struct Known {
    key: &'static str,
    label: &'static str,
    unit: Unit,
}

const fn known(key: &'static str, label: &'static str) -> Known {
    counted(key, label, Unit::Plain)
}

const fn counted(key: &'static str, label: &'static str, unit: Unit) -> Known {
    Known { key, label, unit }
}

const GROUPS: &[(&str, &[Known])] = &[
    (
        "Tier and limits",
        &[
            known("hub.name", "Name"),
            known("hub.sku", "Tier"),
            counted("hub.units", "Units", Unit::Things),
            known("throttling", "Throttling (no effect yet)"),
            counted(
                "limits.modules_per_device",
                "Modules per device",
                Unit::Things,
            ),
            counted(
                "sas.clock_skew_seconds",
                "Tokens count past their expiry",
                Unit::Seconds,
            ),
        ],
    ),
    (
        "Events",
        &[
            counted("hub.retention_days", "Retention", Unit::Days),
            counted("hub.partitions", "Partitions", Unit::Things),
            counted("hub.max_log_gb", "Most to keep", Unit::Gigabytes),
            counted(
                "hub.max_backlog_gb",
                "Most to keep for a custom endpoint",
                Unit::Gigabytes,
            ),
            known("hub.module_event_names", "Events name modules"),
            known("hub.module_update_events", "Events of updated modules"),
        ],
    ),
    (
        "Cloud-to-device messages",
        &[
            counted(
                "cloud_to_device.default_ttl_seconds",
                "Default time to live",
                Unit::Seconds,
            ),
            counted(
                "cloud_to_device.max_delivery_count",
                "Maximum delivery count",
                Unit::Things,
            ),
            known(
                "cloud_to_device.lock_expiry_counts",
                "Expired locks count as deliveries",
            ),
            counted(
                "cloud_to_device.feedback_ttl_seconds",
                "Feedback retention time",
                Unit::Seconds,
            ),
            counted(
                "cloud_to_device.feedback_lock_seconds",
                "Feedback lock",
                Unit::Seconds,
            ),
            counted(
                "cloud_to_device.feedback_max_delivery_count",
                "Feedback maximum delivery count",
                Unit::Things,
            ),
            counted(
                "cloud_to_device.feedback_max_records",
                "Most feedback to keep",
                Unit::Things,
            ),
        ],
    ),
    (
        "Names and ports",
        &[
            known("hostname", "Host names"),
            known("listen", "Addresses"),
            known("ports.https", "HTTPS and WebSocket"),
            known("ports.mqtts", "MQTT"),
            known("ports.amqps", "AMQP"),
            known("tls.cert", "Certificate file"),
            known("tls.key", "Key file"),
        ],
    ),
    (
        "Connections of the hub",
        &[
            known("outgoing.hosts", "Hosts of containers"),
            known("outgoing.allow_http", "Without TLS"),
            known("outgoing.ca_file", "Trusted authorities"),
        ],
    ),
    (
        "Diagnosis",
        &[
            known("log", "Log filter"),
            known("fault_injection", "Fault injection"),
        ],
    ),
];

/// Settings that belong together.
#[derive(Debug, PartialEq, Eq)]
pub struct Group {
    /// What they are about.
    pub title: &'static str,
    /// In the order of the page.
    pub settings: Vec<Setting>,
}

/// A setting.
#[derive(Debug, PartialEq, Eq)]
pub struct Setting {
    /// What it sets, as people say it.
    pub label: String,
    /// Its key in `twinhub.toml`, with the table's name before a dot.
    pub key: String,
    /// What it is.
    pub value: Shown,
}

/// How a value is shown.
#[derive(Debug, PartialEq, Eq)]
pub enum Shown {
    /// It is not set.
    Unset,
    /// A number and what it counts.
    Number(String, &'static str),
    /// Anything else.
    Text(String),
}

/// All settings in force, by group. One that this page does not know stands
/// at the end, under its key.
pub fn groups(settings: &Value) -> Vec<Group> {
    let mut flat = Vec::new();
    flatten("", settings, &mut flat);
    let mut take = |key: &str| {
        let at = flat.iter().position(|(known, _)| known == key)?;
        Some(flat.remove(at).1)
    };
    let mut groups: Vec<Group> = Vec::new();
    for (title, members) in GROUPS {
        let settings = members.iter().filter_map(|known| {
            Some(Setting {
                label: known.label.to_owned(),
                key: known.key.to_owned(),
                value: shown(&take(known.key)?, known.unit),
            })
        });
        let settings = settings.collect();
        groups.push(Group { title, settings });
    }
    let others = flat.into_iter().map(|(key, value)| Setting {
        label: key.replace(['.', '_'], " "),
        value: shown(&value, Unit::Plain),
        key,
    });
    groups.push(Group {
        title: "Others",
        settings: others.collect(),
    });
    groups.retain(|group| !group.settings.is_empty());
    groups
}

fn flatten(prefix: &str, value: &Value, flat: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let key = match prefix {
                    "" => name.clone(),
                    prefix => format!("{prefix}.{name}"),
                };
                flatten(&key, value, flat);
            }
        }
        value => flat.push((prefix.to_owned(), value.clone())),
    }
}

fn shown(value: &Value, unit: Unit) -> Shown {
    match value {
        Value::Null => Shown::Unset,
        Value::Bool(true) => Shown::Text("on".to_owned()),
        Value::Bool(false) => Shown::Text("off".to_owned()),
        // A port is not grouped by thousands.
        Value::Number(number) if unit == Unit::Plain => Shown::Text(number.to_string()),
        Value::Number(number) => {
            let is_one = number.as_u64() == Some(1);
            Shown::Number(number.to_string(), unit.name(is_one))
        }
        Value::String(text) => Shown::Text(text.clone()),
        Value::Array(items) if items.is_empty() => Shown::Unset,
        Value::Array(items) => {
            let texts = items.iter().map(|item| match item {
                Value::String(text) => text.clone(),
                item => item.to_string(),
            });
            Shown::Text(texts.collect::<Vec<_>>().join(", "))
        }
        Value::Object(_) => Shown::Text(value.to_string()),
    }
}

impl Unit {
    fn name(self, is_one: bool) -> &'static str {
        match (self, is_one) {
            (Unit::Plain | Unit::Things, _) => "",
            (Unit::Days, true) => "day",
            (Unit::Days, false) => "days",
            (Unit::Seconds, true) => "second",
            (Unit::Seconds, false) => "seconds",
            (Unit::Gigabytes, true) => "gigabyte",
            (Unit::Gigabytes, false) => "gigabytes",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn find<'a>(groups: &'a [Group], key: &str) -> (&'static str, &'a Setting) {
        let all = groups.iter().flat_map(|group| {
            let settings = group.settings.iter();
            settings.map(|setting| (group.title, setting))
        });
        let mut found = all.filter(|(_, setting)| setting.key == key);
        found.next().unwrap()
    }

    #[test]
    fn a_setting_stands_in_its_group_with_its_unit_and_its_key() {
        let groups = groups(&json!({
            "hub": { "sku": "S3", "retention_days": 1, "max_log_gb": 20 },
            "hostname": ["hub.plant.example", "localhost"], "throttling": false,
            "tls": { "cert": null }, "ports": { "https": 8443 },
        }));

        let (title, retention) = find(&groups, "hub.retention_days");
        assert_eq!(title, "Events");
        assert_eq!(retention.value, Shown::Number("1".to_owned(), "day"));
        let text = |key| &find(&groups, key).1.value;
        assert_eq!(
            text("hostname"),
            &Shown::Text("hub.plant.example, localhost".to_owned())
        );
        assert_eq!(text("throttling"), &Shown::Text("off".to_owned()));
        assert_eq!(text("tls.cert"), &Shown::Unset);
        assert_eq!(text("ports.https"), &Shown::Text("8443".to_owned()));
    }

    #[test]
    fn a_setting_that_is_new_is_shown_under_its_key() {
        let groups = groups(&json!({ "hub": { "name": "h", "new_thing": 5 } }));

        let (title, setting) = find(&groups, "hub.new_thing");

        assert_eq!(title, "Others");
        assert_eq!(setting.label, "hub new thing");
        assert_eq!(groups.len(), 2, "groups of nothing are left out");
    }
}
