//! The hub at a glance: how it is, what passed through lately, what went
//! wrong, and how to connect to it.

use askama::Template;
use axum::response::Response;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::chart::{Chart, Series};
use crate::client::Call;
use crate::failure::Failure;
use crate::fields::Asked;
use crate::filters;
use crate::page::{Page, Section, render};
use crate::samples::{SAMPLES, Sample};
use crate::visit::Visit;

/// How many minutes the charts may show.
const RANGES: [Range; 3] = [
    Range {
        minutes: 10,
        label: "10 minutes",
    },
    Range {
        minutes: 60,
        label: "Hour",
    },
    Range {
        minutes: 1440,
        label: "Day",
    },
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    minutes: u32,
    label: &'static str,
}

#[derive(Template)]
#[template(path = "overview/page.html")]
struct OverviewPage {
    page: Page,
    figures: Option<Figures>,
    errors: Option<Vec<LoggedError>>,
    ranges: [Range; 3],
    range: Range,
    samples: [Sample; 5],
}

/// What a policy that may read anything sees.
struct Figures {
    status: Status,
    messages: Chart,
    calls: Chart,
    connected: Chart,
}

/// `GET /twinhub/v1/status`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    host_names: Vec<String>,
    version: String,
    started_at: String,
    /// Why it takes no events, while it does not.
    refusing: Option<String>,
    tier: Tier,
    devices: Devices,
    storage: Storage,
}

#[derive(Debug, Deserialize)]
struct Tier {
    name: String,
    units: u64,
}

#[derive(Debug, Deserialize)]
struct Devices {
    total: u64,
    disabled: u64,
    connected: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Storage {
    state_bytes: Option<u64>,
    events_bytes: Option<u64>,
    backlogs_bytes: Option<u64>,
    free_bytes: Option<u64>,
}

/// `GET /twinhub/v1/history`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct History {
    step_seconds: f64,
    series: HistorySeries,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HistorySeries {
    messages_in: Vec<Option<f64>>,
    messages_out: Vec<Option<f64>>,
    methods: Vec<Option<f64>>,
    twin_writes: Vec<Option<f64>>,
    connected: Vec<Option<f64>>,
}

/// `GET /twinhub/v1/errors`
#[derive(Debug, Deserialize)]
struct LoggedErrors {
    errors: Vec<LoggedError>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LoggedError {
    last_at: String,
    count: u64,
    level: String,
    message: String,
    fields: Map<String, Value>,
}

impl LoggedError {
    /// The fields as people read them.
    fn details(&self) -> String {
        let written = self.fields.iter().map(|(name, value)| match value {
            Value::String(text) => format!("{name}: {text}"),
            other => format!("{name}: {other}"),
        });
        written.collect::<Vec<_>>().join(", ")
    }
}

impl History {
    /// What happened in each step, as a rate.
    fn per_second(&self, label: &'static str, sums: &[Option<f64>]) -> Series {
        let rate = |sum: &Option<f64>| sum.map(|sum| sum / self.step_seconds.max(1.0));
        Series {
            label,
            values: sums.iter().map(rate).collect(),
        }
    }
}

/// `GET /portal`
pub async fn show(visit: Visit, Asked(asked): Asked) -> Result<Response, Failure> {
    let wanted = asked.get("minutes");
    let range = RANGES
        .into_iter()
        .find(|range| range.minutes.to_string() == wanted)
        .unwrap_or(RANGES[0]);
    let rights = visit.rights();
    let figures = match rights.registry_read || rights.service {
        true => Some(figures(&visit, range).await?),
        false => None,
    };
    Ok(render(&OverviewPage {
        errors: errors(&visit).await?,
        page: visit.page(Section::Overview, "Overview"),
        figures,
        ranges: RANGES,
        range,
        samples: SAMPLES,
    }))
}

async fn figures(visit: &Visit, range: Range) -> Result<Figures, Failure> {
    let call = Call::get(["twinhub", "v1", "status"]);
    let status = visit.call(call).await.and_then(|reply| reply.read());
    let call = Call::get(["twinhub", "v1", "history"]);
    let call = call.query("minutes", &range.minutes.to_string());
    let history = visit.call(call).await.and_then(|reply| reply.read());
    let failed = |error| visit.failed(error);
    let history: History = history.map_err(failed)?;
    let series = &history.series;
    let messages = [
        history.per_second("Messages in", &series.messages_in),
        history.per_second("Messages out", &series.messages_out),
    ];
    let calls = [
        history.per_second("Method calls", &series.methods),
        history.per_second("Twin writes", &series.twin_writes),
    ];
    let connected = [Series {
        label: "Devices connected",
        values: series.connected.clone(),
    }];
    let minutes = range.minutes;
    Ok(Figures {
        status: status.map_err(failed)?,
        messages: Chart::new("Messages a second", "a second", minutes, &messages),
        calls: Chart::new("Calls a second", "a second", minutes, &calls),
        connected: Chart::new("Devices connected", "devices", minutes, &connected),
    })
}

/// What went wrong lately, for operators.
async fn errors(visit: &Visit) -> Result<Option<Vec<LoggedError>>, Failure> {
    if !visit.rights().operator {
        return Ok(None);
    }
    let call = Call::operator(Method::GET, ["twinhub", "v1", "errors"]);
    let read = visit.call(call).await.and_then(|reply| reply.read());
    let LoggedErrors { errors } = read.map_err(|error| visit.failed(error))?;
    Ok(Some(errors))
}

/// `GET /portal/ca.pem` is public: it holds no secret.
pub async fn authority(
    axum::extract::State(portal): axum::extract::State<crate::portal::Inner>,
) -> Result<([(http::HeaderName, &'static str); 2], String), StatusCode> {
    let pem = portal.settings.authority.clone();
    let pem = pem.ok_or(StatusCode::NOT_FOUND)?;
    let headers = [
        (http::header::CONTENT_TYPE, "application/x-pem-file"),
        (
            http::header::CONTENT_DISPOSITION,
            "attachment; filename=\"ca.pem\"",
        ),
    ];
    Ok((headers, pem))
}
