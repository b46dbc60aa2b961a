//! The pages of routing, side by side.

/// A page of routing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    /// Routes.
    Routes,
    /// Custom endpoints.
    Endpoints,
    /// Enrichments.
    Enrichments,
    /// Trying a message.
    Test,
}

impl Tab {
    /// All of them, in their order.
    pub const ALL: [Tab; 4] = [Tab::Routes, Tab::Endpoints, Tab::Enrichments, Tab::Test];

    /// What it says.
    pub fn label(self) -> &'static str {
        match self {
            Tab::Routes => "Routes",
            Tab::Endpoints => "Custom endpoints",
            Tab::Enrichments => "Enrichments",
            Tab::Test => "Test",
        }
    }

    /// Where it leads.
    pub fn href(self) -> &'static str {
        match self {
            Tab::Routes => "/portal/routes",
            Tab::Endpoints => "/portal/routes/endpoints",
            Tab::Enrichments => "/portal/routes/enrichments",
            Tab::Test => "/portal/routes/test",
        }
    }
}
