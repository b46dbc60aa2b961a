//! Calls of a direct method, and what was answered.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::client::{ApiError, Call};
use crate::device::frame::{Frame, Tab, explained};
use crate::device::target::Target;
use crate::failure::Failure;
use crate::fields::{Asked, Fields};
use crate::files::json_file;
use crate::filters;
use crate::json_text::parse_raw;
use crate::page::{Page, render_as};
use crate::portal::Inner;
use crate::pretty::{Shown, html_size, indented};
use crate::problems::Problems;
use crate::refused::Refused;
use crate::visit::Visit;

/// How many bytes of HTML an answer may take; a file has all.
const MAX_ANSWER: usize = 80_000;
/// A payload that takes more than this does not come back beside an answer.
const MAX_PAYLOAD: usize = 60_000;

#[derive(Template)]
#[template(path = "device/method.html")]
struct MethodPage {
    page: Page,
    frame: Frame,
    form: MethodForm,
    problems: Problems,
    answer: Option<AnswerView>,
}

/// A call, as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct MethodForm {
    name: String,
    payload: String,
    response_timeout: String,
    connect_timeout: String,
}

/// What the API is asked. The payload stays as it was written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    method_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_timeout_in_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connect_timeout_in_seconds: Option<u64>,
}

/// What the API tells.
#[derive(Debug, Deserialize)]
struct AnswerDocument {
    status: i64,
    payload: Box<RawValue>,
}

/// What was answered, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
struct AnswerView {
    name: String,
    status: i64,
    payload: Shown,
    milliseconds: u64,
    /// Where the payload is downloaded.
    file: String,
    /// Whether what was sent is too long to come back beside it.
    is_alone: bool,
}

impl AnswerView {
    /// Whether the status is one of those that mean success.
    fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl MethodForm {
    fn empty() -> Self {
        MethodForm {
            name: String::new(),
            payload: String::new(),
            response_timeout: "30".to_owned(),
            connect_timeout: "0".to_owned(),
        }
    }

    fn read(fields: &Fields) -> Self {
        let text = |name| fields.given(name).unwrap_or_default().to_owned();
        MethodForm {
            name: text("method"),
            payload: fields.text("payload"),
            response_timeout: text("response-timeout"),
            connect_timeout: text("connect-timeout"),
        }
    }

    fn invocation(&self) -> Result<Invocation, Problems> {
        let mut problems = Problems::default();
        if self.name.is_empty() {
            problems.add("method", "Give the method's name.");
        }
        let invocation = Invocation {
            method_name: self.name.clone(),
            payload: problems.take("payload", parse_raw(&self.payload)),
            response_timeout_in_seconds: problems
                .take("response-timeout", seconds(&self.response_timeout)),
            connect_timeout_in_seconds: problems
                .take("connect-timeout", seconds(&self.connect_timeout)),
        };
        problems.none()?;
        Ok(invocation)
    }
}

/// So many; nothing typed is the hub's own time.
fn seconds(text: &str) -> Result<Option<u64>, &'static str> {
    match text {
        "" => Ok(None),
        text => match text.parse() {
            Ok(seconds) => Ok(Some(seconds)),
            Err(_) => Err("Give a whole number of seconds."),
        },
    }
}

/// `GET .../method`
pub async fn show(visit: Visit, target: Target) -> Result<Response, Failure> {
    let form = MethodForm::empty();
    page(&visit, &target, form, None, Problems::default()).await
}

/// `POST .../method`: waits as long as the form says. The answer is shown above
/// the form, in which everything stays for the next call.
pub async fn call(
    State(portal): State<Inner>,
    visit: Visit,
    target: Target,
    fields: Fields,
) -> Result<Response, Failure> {
    let mut form = MethodForm::read(&fields);
    let (answer, problems) = match answer(&portal, &visit, &target, &form).await {
        Ok(answer) => {
            if answer.is_alone {
                form.payload.clear();
            }
            (Some(answer), Problems::default())
        }
        Err(problems) => (None, problems),
    };
    page(&visit, &target, form, answer, problems).await
}

async fn answer(
    portal: &Inner,
    visit: &Visit,
    target: &Target,
    form: &MethodForm,
) -> Result<AnswerView, Problems> {
    let invocation = form.invocation()?;
    let begun = portal.hub.clock.now();
    let answered = invoke(visit, target, &invocation).await;
    let took = portal.hub.clock.now().since(begun);
    match answered {
        Ok(answer) => {
            let payload = answer.payload.get();
            let kept = portal
                .answers
                .keep(visit.session(), payload.to_owned().into());
            Ok(AnswerView {
                name: form.name.clone(),
                status: answer.status,
                payload: indented(payload, MAX_ANSWER),
                milliseconds: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
                file: format!("{}&number={kept}", target.page("/method/answer")),
                is_alone: html_size(&form.payload) > MAX_PAYLOAD,
            })
        }
        Err(error) => Err(why_not(error, target).into()),
    }
}

/// `GET .../method/answer?number=`: the payload of an answer, as it came.
pub async fn file(
    State(portal): State<Inner>,
    visit: Visit,
    Asked(asked): Asked,
) -> Result<Response, Failure> {
    let number = asked.get("number").parse().ok();
    let found = number.and_then(|number| portal.answers.find(visit.session(), number));
    found
        .map(|payload| json_file("answer.json", payload))
        .ok_or_else(|| {
            let sentence = "this answer is not kept any more: call the method again";
            Failure::missing(&visit, sentence)
        })
}

async fn invoke(
    visit: &Visit,
    target: &Target,
    invocation: &Invocation,
) -> Result<AnswerDocument, ApiError> {
    let body = serde_json::to_vec(invocation).map_err(ApiError::Unexpected)?;
    let call = Call::data(Method::POST, target.path_to("twins", &["methods"]))
        .body("application/json; charset=utf-8", body);
    visit.call(call).await?.read()
}

/// The hub's sentence, and what helps.
fn why_not(error: ApiError, target: &Target) -> Refused {
    let refused = Refused::from(explained(error, target));
    let help = match refused.code.as_deref() {
        Some("DeviceNotOnline") if refused.sentence.contains("is disabled") => {
            "Enable it first, on its page Identity."
        }
        Some("DeviceNotOnline") => {
            "Start its program and let it listen to methods, or give a connect timeout: then the \
             call waits for it."
        }
        Some("GatewayTimeout") => {
            "It has taken the call, and may still do it. Give a longer response timeout."
        }
        _ => return refused,
    };
    Refused {
        sentence: format!("{} {help}", refused.sentence),
        ..refused
    }
}

async fn page(
    visit: &Visit,
    target: &Target,
    form: MethodForm,
    answer: Option<AnswerView>,
    problems: Problems,
) -> Result<Response, Failure> {
    let frame = Frame::load(visit, target, Tab::Method).await?;
    let page = MethodPage {
        page: frame.page(visit),
        frame,
        form,
        answer,
        problems,
    };
    Ok(render_as(page.problems.status(), &page))
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    fn form(sent: &str) -> MethodForm {
        MethodForm::read(&Fields::parse(sent.as_bytes()))
    }

    #[test]
    fn a_payload_is_sent_as_it_was_written() {
        let form = form("method=reboot&payload=%7B%22delay%22%3A+1.00%7D&response-timeout=10");

        let body = serde_json::to_string(&form.invocation().unwrap()).unwrap();

        assert_eq!(
            body,
            r#"{"methodName":"reboot","payload":{"delay": 1.00},"responseTimeoutInSeconds":10}"#
        );
    }

    #[test]
    fn each_field_that_does_not_fit_is_told() {
        let problems = form("payload={&response-timeout=soon").invocation();

        let problems = problems.unwrap_err();
        for field in ["method", "payload", "response-timeout"] {
            assert!(problems.at(field).is_some(), "{field}: {problems:?}");
        }
        assert_eq!(problems.at("connect-timeout"), None);
    }

    #[test]
    fn an_absent_device_is_explained() {
        let absent = ApiError::Refused {
            status: StatusCode::NOT_FOUND,
            code: "DeviceNotOnline".to_owned(),
            message: "pump-7 is not online".to_owned(),
        };

        let refused = why_not(absent, &Target::device("pump-7"));

        assert!(refused.sentence.contains("connect timeout"));
        assert_eq!(refused.status, StatusCode::NOT_FOUND);
    }

    #[test]
    fn a_disabled_device_is_to_be_enabled_not_started() {
        let disabled = ApiError::Refused {
            status: StatusCode::NOT_FOUND,
            code: "DeviceNotOnline".to_owned(),
            message: "pump-7 is disabled".to_owned(),
        };

        let sentence = why_not(disabled, &Target::device("pump-7")).sentence;

        assert!(sentence.ends_with("Enable it first, on its page Identity."));
    }
}
