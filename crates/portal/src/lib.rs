//! The portal: pages on the hub's HTTPS port that people look at.
//!
//! It is a client of the hub's own API that runs in the hub's process: a page
//! asks the REST API or the resource provider, with the credential of whoever
//! signed in, and shows what comes back. So nothing is possible here that the
//! API would refuse, and a refusal reads here as it does there.
//!
//! Pages are links and forms and work without script; the modules in `assets/`
//! make them live. Nothing is loaded from elsewhere. What is shown may be
//! hostile (device IDs, twins, messages): templates escape everything, and the
//! content-security policy lets nothing run but the portal's own files.
//!
//! | Module | What it holds |
//! |---|---|
//! | [`api`], `client` | the port to the hub's API, and calls with a visit's credential |
//! | `sessions`, `links`, `attempts`, `cookie` | who is signed in, one-time links, how often one may try |
//! | `visit`, `guard` | a request that is let in, and what is refused before a page sees it |
//! | `doors` | which right opens a page |
//! | `turns` | how many costly questions are answered at once |
//! | `page`, `failure`, `assets` | the frame around a page, the page of a refusal, files |
//! | `fields`, `json_text`, `pairs` | what forms hold, and what people type into them |
//! | `figures`, `chart`, `samples` | figures, lines over time, programs to paste |
//! | `refused`, `problems` | why a form was not done, as a whole and at its fields |
//! | `authentication`, `parent`, `key_roll` | what forms of identities have alike |
//! | `moment`, `connection_strings` | dates, what clients connect with |
//! | `sign_in`, `overview`, ... | the pages, named as in the portal's addresses |

pub mod api;
mod assets;
mod attempts;
mod authentication;
mod certificates;
mod chart;
mod client;
mod connection_strings;
mod cookie;
mod device;
mod devices;
mod doors;
mod endpoint;
mod events;
mod failure;
mod fields;
mod figures;
mod files;
mod filters;
mod guard;
mod json_text;
mod key_roll;
mod links;
mod moment;
mod overview;
mod page;
mod pairs;
mod parent;
mod policies;
mod portal;
mod pretty;
mod problems;
mod query;
mod refused;
mod routes;
mod samples;
mod secret;
mod sessions;
mod settings;
mod sign_in;
mod transfers;
mod turns;
mod visit;

pub use api::{Api, Body, Spelling};
pub use links::Link;
pub use portal::{Portal, Settings, Visitor};
