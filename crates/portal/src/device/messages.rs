//! Messages to a device or module: sent, counted, purged.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::Method;

use crate::client::Call;
use crate::device::frame::{Frame, Tab, explained};
use crate::device::target::Target;
use crate::failure::{Failure, see_other};
use crate::fields::Fields;
use crate::filters;
use crate::page::{Notice, Page, render_as};
use crate::portal::Inner;
use crate::problems::Problems;
use crate::refused::Refused;
use crate::visit::Visit;

mod form;

use form::{ACKNOWLEDGEMENTS, MessageForm, Prepared};

/// The largest message, in bytes, with its properties.
const MAX_BYTES: usize = 64 * 1024;
/// How many messages may wait.
const MAX_WAITING: u64 = 50;

#[derive(Template)]
#[template(path = "device/messages.html")]
struct MessagesPage {
    page: Page,
    frame: Frame,
    form: MessageForm,
    problems: Problems,
}

impl MessagesPage {
    fn acknowledgements(&self) -> [(&'static str, &'static str); 4] {
        ACKNOWLEDGEMENTS
    }

    fn max_bytes(&self) -> usize {
        MAX_BYTES
    }

    fn max_waiting(&self) -> u64 {
        MAX_WAITING
    }
}

#[derive(Template)]
#[template(path = "device/purge.html")]
struct PurgePage {
    page: Page,
    frame: Frame,
    refused: Option<Refused>,
}

/// `GET .../messages`
pub async fn show(visit: Visit, target: Target) -> Result<Response, Failure> {
    let form = MessageForm::default();
    page(&visit, &target, form, Problems::default()).await
}

/// `POST .../messages`
pub async fn send(
    State(portal): State<Inner>,
    visit: Visit,
    target: Target,
    fields: Fields,
) -> Result<Response, Failure> {
    let form = MessageForm::read(&fields);
    let prepared = match form.prepare(portal.hub.clock.now()) {
        Ok(prepared) => prepared,
        Err(problems) => return page(&visit, &target, form, problems).await,
    };
    match visit.call(call(&target, prepared)).await {
        Ok(_) => {
            let text = format!("The message waits for the {}.", target.called());
            visit.tell(Notice::done(text));
            Ok(see_other(&target.page("/messages")))
        }
        Err(error) => page(&visit, &target, form, explained(error, &target).into()).await,
    }
}

fn call(target: &Target, message: Prepared) -> Call {
    let path = target.path_to("devices", &["messages", "deviceBound"]);
    let call = Call::data(Method::POST, path).body("application/octet-stream", message.body);
    message
        .properties
        .iter()
        .fold(call, |call, (name, value)| call.spelt(name, value))
}

/// `GET .../messages/purge`: what will happen.
pub async fn ask_purge(visit: Visit, target: Target) -> Result<Response, Failure> {
    confirmation(&visit, &target, None).await
}

/// `POST .../messages/purge`
pub async fn purge(visit: Visit, target: Target) -> Result<Response, Failure> {
    let call = Call::data(Method::DELETE, target.path_to("devices", &["commands"]));
    let purged = visit.call(call).await.and_then(|reply| reply.json());
    match purged {
        Ok(told) => {
            let text = match told["totalMessagesPurged"].as_u64() {
                Some(0) => "No message was waiting.".to_owned(),
                Some(1) => "One message is purged.".to_owned(),
                Some(count) => format!("{count} messages are purged."),
                None => "The queue is empty.".to_owned(),
            };
            visit.tell(Notice::done(text));
            Ok(see_other(&target.page("/messages")))
        }
        Err(error) => {
            let refused = Refused::from(explained(error, &target));
            confirmation(&visit, &target, Some(refused)).await
        }
    }
}

async fn page(
    visit: &Visit,
    target: &Target,
    form: MessageForm,
    problems: Problems,
) -> Result<Response, Failure> {
    let frame = Frame::load(visit, target, Tab::Messages).await?;
    let page = MessagesPage {
        page: frame.page(visit),
        frame,
        form,
        problems,
    };
    Ok(render_as(page.problems.status(), &page))
}

async fn confirmation(
    visit: &Visit,
    target: &Target,
    refused: Option<Refused>,
) -> Result<Response, Failure> {
    let frame = Frame::load(visit, target, Tab::Messages).await?;
    let status = Refused::status_of(refused.as_ref());
    let page = PurgePage {
        page: frame.page(visit),
        frame,
        refused,
    };
    Ok(render_as(status, &page))
}
