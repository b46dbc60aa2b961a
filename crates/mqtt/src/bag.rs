//! The property bag: what stands in a topic behind `events/` or
//! `devicebound/`.
//!
//! ```text
//! bag  = [ "?" ] [ pair *( "&" pair ) ] [ "/" ]
//! pair = name [ "=" value ]                     both percent-encoded
//! ```
//!
//! A name without `=` has no value, `name=` has an empty one. Names that begin
//! with `$.` are the hub's; those that it does not know, and those that only
//! the hub may set, are passed over. `+` is a plus sign. What is not UTF-8
//! when decoded stays as it was sent: a bag is never refused.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use twinhub_core::messages::{MessageRef, SystemProperty};

/// Everything but the characters that mean themselves in every URL.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// A bag that was read; it borrows whatever was not encoded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bag<'a> {
    /// What the hub knows, each at most once: of duplicates the first.
    pub system: Vec<(SystemProperty, Cow<'a, str>)>,
    /// What the sender made up, in its order.
    pub application: Vec<(Cow<'a, str>, Option<Cow<'a, str>>)>,
}

impl<'a> Bag<'a> {
    /// Reads the text behind the slash of `events/`.
    pub fn parse(text: &'a str) -> Self {
        let mut bag = Bag::default();
        // .NET always ends with a slash, and so do Java's modules.
        let text = text.strip_suffix('/').unwrap_or(text);
        let text = text.strip_prefix('?').unwrap_or(text);
        if !text.is_empty() {
            text.split('&').for_each(|pair| bag.take(pair));
        }
        bag
    }

    fn take(&mut self, pair: &'a str) {
        let (name, value) = match pair.split_once('=') {
            Some((name, value)) => (decoded(name), Some(decoded(value))),
            None => (decoded(pair), None),
        };
        match (meaning(&name), value) {
            (Meaning::Application, value) if !name.is_empty() => {
                self.application.push((name, value));
            }
            (Meaning::System(property), Some(value)) if self.system(property).is_none() => {
                self.system.push((property, value));
            }
            (Meaning::Application | Meaning::System(_) | Meaning::Nothing, _) => {}
        }
    }

    fn system(&self, property: SystemProperty) -> Option<&str> {
        let mut set = self.system.iter();
        set.find(|(known, _)| *known == property)
            .map(|(_, value)| &**value)
    }

    /// The same, without what it borrowed from.
    pub fn into_owned(self) -> Bag<'static> {
        let owned = |text: Cow<'a, str>| Cow::Owned(text.into_owned());
        let system = self.system.into_iter();
        let application = self.application.into_iter();
        Bag {
            system: system.map(|(name, value)| (name, owned(value))).collect(),
            application: application
                .map(|(name, value)| (owned(name), value.map(owned)))
                .collect(),
        }
    }

    /// A message with these properties.
    pub fn message<'m>(&'m self, body: &'m [u8]) -> MessageRef<'m> {
        MessageRef {
            system: &self.system,
            application: &self.application,
            body,
        }
    }
}

/// Whose a name is.
enum Meaning {
    Application,
    System(SystemProperty),
    /// Unknown to us, or not the sender's to set.
    Nothing,
}

fn meaning(name: &str) -> Meaning {
    use SystemProperty as P;
    let property = match name {
        "iothub-ack" => P::Acknowledgement,
        "iothub-operation" => P::Operation,
        _ => match name.strip_prefix("$.") {
            None => return Meaning::Application,
            Some("mid") => P::MessageId,
            Some("cid") => P::CorrelationId,
            Some("uid") => P::UserId,
            Some("to") => P::To,
            Some("ct") => P::ContentType,
            Some("ce") => P::ContentEncoding,
            Some("exp") => P::AbsoluteExpiry,
            Some("ctime") => P::CreationTime,
            Some("on") => P::OutputName,
            Some("sub") => P::Component,
            Some("ifid") => P::InterfaceId,
            Some("schema") => P::Schema,
            Some("diagid") => P::DiagnosticId,
            Some("diagctx") => P::CorrelationContext,
            // `cdid` and `cmid` say who sends: that is ours to know.
            Some(_) => return Meaning::Nothing,
        },
    };
    Meaning::System(property)
}

fn decoded(text: &str) -> Cow<'_, str> {
    percent_decode_str(text)
        .decode_utf8()
        .unwrap_or(Cow::Borrowed(text))
}

/// Writes a bag for clients, who are particular: nothing but what
/// [`parse`](Bag::parse) reads, but system properties first, `$` as `%24`, and
/// nothing unencoded that means something in a topic or a query.
#[derive(Debug)]
pub struct BagWriter<'t> {
    topic: &'t mut String,
    empty: bool,
}

impl<'t> BagWriter<'t> {
    /// Behind what stands in `topic`.
    pub fn new(topic: &'t mut String) -> Self {
        BagWriter { topic, empty: true }
    }

    /// A pair whose name needs no encoding, such as `%24.mid`.
    pub fn known(&mut self, name: &str, value: &str) {
        self.separate();
        self.topic.push_str(name);
        self.value(value);
    }

    /// A pair of the sender's own. One whose name a reader would take for the
    /// hub's is left out: clients let the last of a name count.
    pub fn application(&mut self, name: &str, value: Option<&str>) {
        if !matches!(meaning(name), Meaning::Application) {
            return;
        }
        self.separate();
        self.topic.extend(utf8_percent_encode(name, ENCODED));
        if let Some(value) = value {
            self.value(value);
        }
    }

    fn value(&mut self, value: &str) {
        self.topic.push('=');
        self.topic.extend(utf8_percent_encode(value, ENCODED));
    }

    fn separate(&mut self) {
        if !self.empty {
            self.topic.push('&');
        }
        self.empty = false;
    }
}

#[cfg(test)]
mod tests;
