//! The frame around a page: navigation, who is signed in, a notice.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use http::StatusCode;

use crate::assets;
use crate::visit::Rights;

/// Where a page belongs in the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// The hub at a glance.
    Overview,
    /// Devices and modules.
    Devices,
    /// Events as they come.
    Events,
    /// Queries over twins.
    Query,
    /// Import and export.
    Transfers,
    /// Message routing.
    Routes,
    /// The built-in endpoint.
    Endpoint,
    /// Shared access policies.
    Policies,
    /// Authorities of devices' certificates.
    Certificates,
    /// Tier, limits, retention.
    Settings,
}

/// A line of the navigation.
#[derive(Debug, Clone, Copy)]
pub struct NavLink {
    /// Where it leads.
    pub href: &'static str,
    /// What it says.
    pub label: &'static str,
    /// The section that it leads to.
    pub section: Section,
}

const fn nav(section: Section, href: &'static str, label: &'static str) -> NavLink {
    NavLink {
        href,
        label,
        section,
    }
}

/// What is said of the thing that was just done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The sentence.
    pub text: String,
    /// Whether it was not done.
    pub is_error: bool,
}

impl Notice {
    /// It was done.
    pub fn done(text: impl Into<String>) -> Self {
        Notice {
            text: text.into(),
            is_error: false,
        }
    }

    /// It was not done.
    pub fn error(text: impl Into<String>) -> Self {
        Notice {
            text: text.into(),
            is_error: true,
        }
    }
}

/// What `layout.html` needs of every page. Templates of pages have it as
/// `page`, and begin with `{% extends "layout.html" %}`.
#[derive(Debug, Clone)]
pub struct Page {
    /// The heading, and the title of the window.
    pub title: String,
    /// Where it belongs.
    pub section: Section,
    /// The hub's host name.
    pub hub: String,
    /// Who is signed in: a policy, or the operator.
    pub who: String,
    /// What they may do.
    pub rights: Rights,
    /// For forms: the field `csrf`.
    pub csrf: String,
    /// What was just done.
    pub notice: Option<Notice>,
}

impl Page {
    /// The navigation: what this visitor may see.
    pub fn navigation(&self) -> Vec<NavLink> {
        let rights = self.rights;
        let links = [
            (true, nav(Section::Overview, "/portal", "Overview")),
            (
                rights.registry_read || rights.service,
                nav(Section::Devices, "/portal/devices", "Devices"),
            ),
            (
                rights.service,
                nav(Section::Events, "/portal/events", "Events"),
            ),
            (
                rights.service,
                nav(Section::Query, "/portal/query", "Query"),
            ),
            (
                rights.registry_read,
                nav(Section::Transfers, "/portal/transfers", "Import and export"),
            ),
            (
                rights.operator,
                nav(Section::Routes, "/portal/routes", "Message routing"),
            ),
            (
                rights.service,
                nav(Section::Endpoint, "/portal/endpoint", "Built-in endpoint"),
            ),
            (
                rights.operator,
                nav(
                    Section::Policies,
                    "/portal/policies",
                    "Shared access policies",
                ),
            ),
            (
                rights.operator,
                nav(
                    Section::Certificates,
                    "/portal/certificates",
                    "Certificates",
                ),
            ),
            (
                rights.operator,
                nav(Section::Settings, "/portal/settings", "Settings"),
            ),
        ];
        links
            .into_iter()
            .filter(|(shown, _)| *shown)
            .map(|(_, link)| link)
            .collect()
    }

    /// The address of a file, which changes with what is in it.
    pub fn asset(&self, name: &str) -> String {
        assets::address(name)
    }
}

/// Writes a page.
pub fn render(page: &impl Template) -> Response {
    render_as(StatusCode::OK, page)
}

/// Writes a page that has a status of its own, such as a form that was refused.
pub fn render_as(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(error) => {
            tracing::error!(%error, "could not write a page");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
