use super::*;

struct Sources {
    dir: tempfile::TempDir,
    environment: Environment,
    overrides: Overrides,
}

impl Sources {
    fn with_file(text: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("twinhub.toml"), text).unwrap();
        Self {
            dir,
            environment: Environment::default(),
            overrides: Overrides::default(),
        }
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment = self
            .environment
            .into_variables()
            .chain([(name.to_owned(), value.to_owned())])
            .collect();
        self
    }

    fn load(&self) -> Result<Loaded, ConfigError> {
        load(
            &DataDir::at(self.dir.path()),
            &self.environment,
            &self.overrides,
        )
    }

    fn config(&self) -> Config {
        self.load().unwrap().config
    }

    fn refusal(&self) -> String {
        let place = self.dir.path().join("twinhub.toml").display().to_string();
        self.load().unwrap_err().to_string().replace(&place, "FILE")
    }
}

#[test]
fn without_any_source_the_defaults_hold() {
    let dir = tempfile::tempdir().unwrap();

    let loaded = load(
        &DataDir::at(dir.path()),
        &Environment::default(),
        &Overrides::default(),
    );

    assert_eq!(loaded.unwrap().config, Config::default());
}

#[test]
fn the_command_line_wins_over_variables_and_variables_over_the_file() {
    let mut sources = Sources::with_file("[ports]\nhttps = 1\nmqtts = 2\namqps = 3\n")
        .variable("TWINHUB_PORTS_HTTPS", "11")
        .variable("TWINHUB_PORTS_MQTTS", "12");
    sources.overrides.ports.https = Some(21);

    let ports = sources.config().ports;

    let expected = Ports {
        https: 21,
        mqtts: 12,
        amqps: 3,
    };
    assert_eq!(ports, expected);
}

#[test]
fn each_setting_can_be_a_variable() {
    let values = [
        ("HOSTNAME", "Hub.Plant.Example, 10.0.0.7"),
        ("LISTEN", "0.0.0.0,::"),
        ("LOG", "debug"),
        ("THROTTLING", "true"),
        ("FAULT_INJECTION", "true"),
        ("PORTS_HTTPS", "1443"),
        ("PORTS_MQTTS", "1883"),
        ("PORTS_AMQPS", "1671"),
        ("TLS_CERT", "/a.pem"),
        ("TLS_KEY", "/b.pem"),
        ("HUB_NAME", "123"),
        ("HUB_SKU", "S1"),
        ("HUB_UNITS", "2"),
        ("HUB_PARTITIONS", "8"),
        ("HUB_RETENTION_DAYS", "7"),
        ("HUB_MAX_LOG_GB", "5"),
        ("HUB_MAX_BACKLOG_GB", "3"),
        ("HUB_MODULE_EVENT_NAMES", "as-modules"),
        ("HUB_MODULE_UPDATE_EVENTS", "false"),
        ("LIMITS_MODULES_PER_DEVICE", "50"),
        ("SAS_CLOCK_SKEW_SECONDS", "300"),
        ("CLOUD_TO_DEVICE_DEFAULT_TTL_SECONDS", "60"),
        ("CLOUD_TO_DEVICE_MAX_DELIVERY_COUNT", "1"),
        ("CLOUD_TO_DEVICE_LOCK_EXPIRY_COUNTS", "true"),
        ("CLOUD_TO_DEVICE_FEEDBACK_TTL_SECONDS", "61"),
        ("CLOUD_TO_DEVICE_FEEDBACK_LOCK_SECONDS", "5"),
        ("CLOUD_TO_DEVICE_FEEDBACK_MAX_DELIVERY_COUNT", "2"),
        ("CLOUD_TO_DEVICE_FEEDBACK_MAX_RECORDS", "1"),
        ("OUTGOING_CA_FILE", "/c.pem"),
        ("OUTGOING_ALLOW_HTTP", "true"),
        (
            "OUTGOING_HOSTS",
            "*.blob.core.windows.net, store.plant.example",
        ),
    ];
    assert_eq!(values.len(), settings::SETTINGS.len());
    let sources = values
        .iter()
        .fold(Sources::with_file(""), |sources, (name, value)| {
            sources.variable(&format!("TWINHUB_{name}"), value)
        });

    let config = sources.config();

    let expected = Config {
        hostname: vec!["hub.plant.example".into(), "10.0.0.7".into()],
        listen: vec!["0.0.0.0".parse().unwrap(), "::".parse().unwrap()],
        log: "debug".into(),
        throttling: true,
        fault_injection: true,
        ports: Ports {
            https: 1443,
            mqtts: 1883,
            amqps: 1671,
        },
        tls: Tls {
            cert: Some("/a.pem".into()),
            key: Some("/b.pem".into()),
        },
        hub: Hub {
            name: "123".into(),
            sku: Sku::S1,
            units: 2,
            partitions: 8,
            retention_days: 7,
            max_log_gb: 5,
            max_backlog_gb: 3,
            module_event_names: ModuleEventNames::AsModules,
            module_update_events: false,
        },
        limits: Limits {
            modules_per_device: 50,
        },
        sas: Sas {
            clock_skew_seconds: 300,
        },
        cloud_to_device: CloudToDevice {
            default_ttl_seconds: 60,
            max_delivery_count: 1,
            lock_expiry_counts: true,
            feedback_ttl_seconds: 61,
            feedback_lock_seconds: 5,
            feedback_max_delivery_count: 2,
            feedback_max_records: 1,
        },
        outgoing: Outgoing {
            ca_file: Some("/c.pem".into()),
            allow_http: true,
            hosts: vec![
                "*.blob.core.windows.net".into(),
                "store.plant.example".into(),
            ],
        },
    };
    assert_eq!(config, expected);
}

#[test]
fn a_single_name_or_address_needs_no_list() {
    let config = Sources::with_file("hostname = 'a.example'\nlisten = '::'\n").config();

    assert_eq!(config.hostname, ["a.example"]);
    assert_eq!(config.listen, ["::".parse::<IpAddr>().unwrap()]);
}

#[test]
fn a_relative_certificate_path_in_the_file_starts_at_the_data_folder() {
    let sources = Sources::with_file("[tls]\ncert = 'own/a.pem'\nkey = '/etc/b.pem'\n");

    let tls = sources.config().tls;

    assert_eq!(tls.cert, Some(sources.dir.path().join("own/a.pem")));
    assert_eq!(tls.key, Some("/etc/b.pem".into()));
}

#[test]
fn what_cannot_be_used_is_refused_with_its_place_and_a_remedy() {
    let cases = [
        (
            "hostnme = 'a'",
            "FILE: there is no setting `hostnme`, did you mean `hostname`?",
        ),
        (
            "[ports]\nhttp = 1",
            "FILE: there is no setting `ports.http`, did you mean `ports.https`?",
        ),
        (
            "zebra = 1",
            "FILE: there is no setting `zebra`: docs/operations.md lists them all",
        ),
        (
            "[cluster]\nnodes = 3",
            "FILE: `cluster` is not available in this version: remove it, the hub runs in one process",
        ),
        (
            "[ports]\nhttps = 'x'",
            "FILE: `ports.https` is \"x\": write a whole number up to 65535",
        ),
        (
            "[ports]\nhttps = 70000",
            "FILE: `ports.https` is 70000: write a whole number up to 65535",
        ),
        (
            "[ports]\nhttps = 8883",
            "configuration: `ports.mqtts` is the port of https: give each its own",
        ),
        (
            "[hub]\nsku = 'S9'",
            "FILE: `hub.sku` is \"S9\": write one of F1, B1, B2, B3, S1, S2, S3",
        ),
        (
            "[hub]\nsku = 'F1'\nunits = 2",
            "FILE: `hub.units` is 2: write a number from 1 to 1",
        ),
        (
            "[hub]\nname = 'a_b'",
            "FILE: `hub.name` must be 3 to 50 letters, digits and inner hyphens",
        ),
        (
            "[tls]\ncert = 'a.pem'",
            "FILE: `tls.cert` needs `tls.key` beside it",
        ),
        (
            "[outgoing]\nhosts = ['https://store']",
            "FILE: `outgoing.hosts` holds \"https://store\": write a host's name or address, or *. and a name for all below it",
        ),
        (
            "hostname = 'https://hub'",
            "FILE: `hostname` holds \"https://hub\": write a bare DNS name or IP address, without scheme, port or wildcard",
        ),
        (
            "listen = []",
            "FILE: `listen` is empty: name an address, such as 127.0.0.1 or ::",
        ),
        (
            "listen = ['here']",
            "FILE: `listen` invalid IP address syntax",
        ),
    ];
    for (file, expected) in cases {
        let refusal = Sources::with_file(file).refusal();
        assert_eq!(refusal, expected, "for {file:?}");
    }
}

#[test]
fn a_bad_variable_is_named() {
    let sources = Sources::with_file("").variable("TWINHUB_HUB_UNITS", "many");

    let refusal = sources.refusal();

    assert_eq!(
        refusal,
        "TWINHUB_HUB_UNITS: `hub.units` is \"many\": write a whole number"
    );
}

#[test]
fn a_file_that_is_no_toml_is_refused_with_the_line() {
    let refusal = Sources::with_file("ports = [").refusal();

    assert!(refusal.starts_with("FILE: "), "{refusal}");
    assert!(refusal.contains("line 1"), "{refusal}");
}

#[test]
fn a_misspelt_variable_is_told_and_a_foreign_one_is_not() {
    let loaded = Sources::with_file("")
        .variable("TWINHUB_HOSTNAMES", "x")
        .variable("TWINHUB_CA_FILE", "/x")
        .variable("TWINHUB_MQTTS_PORT", "18883")
        .variable("TWINHUB_SERVICE_HOST", "10.0.0.1")
        .variable("TWINHUB_SERVICE_PORT_HTTPS", "443")
        .variable("TWINHUB_PORT", "tcp://10.0.0.1:443")
        .variable("TWINHUB_PORT_443_TCP_PORT", "443")
        .load()
        .unwrap();

    assert_eq!(
        loaded.notices,
        [
            "the variable TWINHUB_HOSTNAMES is no setting and was passed over: did you mean TWINHUB_HOSTNAME?",
            "the variable TWINHUB_MQTTS_PORT is no setting and was passed over: did you mean TWINHUB_PORTS_MQTTS?"
        ]
    );
}

#[test]
fn a_setting_without_effect_is_told_when_it_is_set() {
    let notices = |file| Sources::with_file(file).load().unwrap().notices;

    let set = notices("throttling = true\n[hub]\npartitions = 8\n");
    let untouched = notices("throttling = false\n[hub]\npartitions = 4\n");

    assert_eq!(
        set,
        ["the setting `throttling` has no effect in this version"]
    );
    assert_eq!(untouched, [""; 0]);
}
