//! What stands above each page of a device or module: where it belongs, how
//! it stands, and its other pages.

use askama::Template;
use axum::response::Response;

use crate::client::ApiError;
use crate::device::document::IdentityView;
use crate::device::target::Target;
use crate::failure::Failure;
use crate::page::{Page, Section, render};
use crate::visit::{Rights, Visit};

/// One of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    /// Who it is.
    Identity,
    /// Its twin.
    Twin,
    /// A device's modules.
    Modules,
    /// Messages to it.
    Messages,
    /// Calls of its methods.
    Method,
    /// A device's events.
    Events,
}

/// In the order in which they are shown.
const TABS: [(Tab, &str, &str); 6] = [
    (Tab::Identity, "", "Identity"),
    (Tab::Twin, "/twin", "Twin"),
    (Tab::Modules, "/modules", "Modules"),
    (Tab::Messages, "/messages", "Messages"),
    (Tab::Method, "/method", "Method"),
    (Tab::Events, "/events", "Events"),
];

impl Tab {
    fn is_for(self, target: &Target, rights: Rights) -> bool {
        match self {
            Tab::Identity => true,
            Tab::Twin | Tab::Messages | Tab::Method => rights.service,
            Tab::Modules => !target.is_module() && rights.registry_read,
            Tab::Events => !target.is_module() && rights.service,
        }
    }
}

/// A link to one of the pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TabLink {
    /// Where it leads.
    pub href: String,
    /// What it says.
    pub label: &'static str,
    /// Whether it is the page that is shown.
    pub current: bool,
}

/// What `device/frame.html` needs, as the field `frame`, beside `page`.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Whose page it is.
    pub target: Target,
    /// Its identity, as it was read for this page.
    pub identity: IdentityView,
    /// Its pages.
    pub tabs: Vec<TabLink>,
}

#[derive(Template)]
#[template(path = "device/standing.html")]
struct Standing<'a> {
    frame: &'a Frame,
}

impl Frame {
    /// Reads how a device or module stands. Whoever is missing is told of.
    pub async fn load(visit: &Visit, target: &Target, tab: Tab) -> Result<Self, Failure> {
        let identity = IdentityView::load(visit, target).await;
        let identity = identity.map_err(|error| visit.failed(explained(error, target)))?;
        Ok(Frame {
            tabs: tabs(target, tab, visit.rights()),
            target: target.clone(),
            identity,
        })
    }

    /// The frame around it all. The window is called like the target.
    pub fn page(&self, visit: &Visit) -> Page {
        visit.page(Section::Devices, self.target.id())
    }

    /// The address of one of its pages.
    pub fn at(&self, page: &str) -> String {
        self.target.page(page)
    }

    /// The device whose module this is.
    pub fn device(&self) -> Target {
        Target::device(&self.target.device)
    }

    /// The address of the device above.
    pub fn parent_page(&self, parent: &str) -> String {
        Target::device(parent).page("")
    }
}

/// `GET .../standing`: how it stands, for a script to refresh.
pub async fn standing(visit: Visit, target: Target) -> Result<Response, Failure> {
    let frame = Frame::load(&visit, &target, Tab::Identity).await?;
    Ok(render(&Standing { frame: &frame }))
}

/// The hub names who is missing, and no more; and names others without their kind.
pub fn explained(error: ApiError, target: &Target) -> ApiError {
    match error {
        ApiError::Refused { status, code, .. }
            if code == "DeviceNotFound" || code == "ModuleNotFound" =>
        {
            let called = target.called();
            let message = format!(
                "there is no {called}: it was deleted, or its ID is written otherwise (case counts)"
            );
            ApiError::Refused {
                status,
                code,
                message,
            }
        }
        // What begins with an ID becomes no sentence: an ID's case counts.
        ApiError::Refused {
            status,
            code,
            message,
        } if message.starts_with(&target.device) => ApiError::Refused {
            status,
            code,
            message: format!("{} {message}", target.kind()),
        },
        other => other,
    }
}

fn tabs(target: &Target, current: Tab, rights: Rights) -> Vec<TabLink> {
    TABS.iter()
        .filter(|(tab, ..)| tab.is_for(target, rights))
        .map(|(tab, page, label)| TabLink {
            href: target.page(page),
            label,
            current: *tab == current,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    fn labels(target: &Target, rights: Rights) -> Vec<&'static str> {
        let tabs = tabs(target, Tab::Twin, rights);
        tabs.iter().map(|tab| tab.label).collect()
    }

    #[test]
    fn only_pages_that_may_be_seen_are_shown() {
        let device = Target::device("pump-7");
        let module = Target::module("pump-7", "sensor");
        let service = Rights {
            service: true,
            ..Rights::default()
        };
        let all = Rights {
            registry_read: true,
            registry_write: true,
            service: true,
            operator: false,
        };

        assert_eq!(
            labels(&device, all),
            [
                "Identity", "Twin", "Modules", "Messages", "Method", "Events"
            ]
        );
        assert_eq!(
            labels(&module, all),
            ["Identity", "Twin", "Messages", "Method"]
        );
        assert_eq!(
            labels(&device, service),
            ["Identity", "Twin", "Messages", "Method", "Events"]
        );
        assert_eq!(labels(&device, Rights::default()), ["Identity"]);
    }

    #[test]
    fn who_is_missing_is_told_in_a_sentence() {
        let missing = ApiError::Refused {
            status: StatusCode::NOT_FOUND,
            code: "DeviceNotFound".to_owned(),
            message: "pump-7".to_owned(),
        };

        let told = explained(missing, &Target::device("pump-7")).to_string();

        assert!(told.starts_with("there is no device pump-7"), "{told}");
    }
}
