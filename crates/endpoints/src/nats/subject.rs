//! Which subject an event is sent to.

use std::fmt::Write as _;

use twinhub_core::events::EventRef;
use twinhub_core::ids::HubName;

/// Subjects by a template.
pub(super) struct Subjects(Vec<Token>);

/// What stands between two dots.
struct Token(Vec<Piece>);

enum Piece {
    Text(String),
    Device,
    Module,
}

impl Subjects {
    /// Reads a template: `{iothub}`, `{deviceid}` and `{moduleid}` stand for
    /// what an event is from.
    pub(super) fn parse(template: &str, hub: &HubName) -> Result<Self, &'static str> {
        let not_in_subjects =
            |c: char| c.is_whitespace() || c.is_control() || matches!(c, '*' | '>');
        if template.contains(not_in_subjects) {
            return Err("the subject has wildcards or spaces");
        }
        if template.split('.').any(str::is_empty) {
            return Err("the subject has nothing between two dots, or none");
        }
        let tokens = template.split('.').map(|token| Token::parse(token, hub));
        Ok(Subjects(tokens.collect()))
    }

    /// The subject of an event. What would be nothing between two dots, as the
    /// module of a device is, is left out along with its dot.
    pub(super) fn of(&self, event: &EventRef<'_>) -> String {
        let tokens = self.0.iter().map(|token| token.of(event));
        let tokens: Vec<_> = tokens.filter(|token| !token.is_empty()).collect();
        tokens.join(".")
    }
}

impl Token {
    fn parse(mut rest: &str, hub: &HubName) -> Self {
        let mut pieces = Vec::new();
        while let Some((before, from)) = rest.find('{').map(|at| rest.split_at(at)) {
            let known = [
                ("{iothub}", Piece::Text(escaped(hub.as_str()))),
                ("{deviceid}", Piece::Device),
                ("{moduleid}", Piece::Module),
            ];
            let mut known = known.into_iter();
            let found = known.find_map(|(name, piece)| Some((from.strip_prefix(name)?, piece)));
            pieces.push(Piece::Text(before.to_owned()));
            let (after, piece) = found.unwrap_or((&from[1..], Piece::Text("{".to_owned())));
            pieces.push(piece);
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Token(pieces)
    }

    fn of(&self, event: &EventRef<'_>) -> String {
        let mut token = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => token.push_str(text),
                Piece::Device => token.push_str(&escaped(event.device)),
                Piece::Module => token.push_str(&escaped(event.module.unwrap_or_default())),
            }
        }
        token
    }
}

/// What may stand between two dots: IDs may hold what means something to NATS.
fn escaped(id: &str) -> String {
    let mut text = String::with_capacity(id.len());
    for byte in id.bytes() {
        match byte {
            b'.' | b'*' | b'>' | b'%' | b' ' | 0..=31 | 127.. => {
                let _ = write!(text, "%{byte:02X}");
            }
            _ => text.push(char::from(byte)),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use twinhub_core::events::Event;
    use twinhub_core::ids::{DeviceId, IdentityId, ModuleId};
    use twinhub_core::messages::Message;

    use super::*;
    use crate::samples::event;

    fn subject(template: &str, device: &str, module: Option<&str>) -> String {
        let hub = HubName::parse("plant").unwrap();
        let device = DeviceId::parse(device).unwrap();
        let mut event: Event = event(1, Message::default());
        event.origin.identity = match module {
            Some(module) => IdentityId::module(device, ModuleId::parse(module).unwrap()),
            None => IdentityId::Device(device),
        };
        Subjects::parse(template, &hub)
            .unwrap()
            .of(&EventRef::from(&event))
    }

    #[test]
    fn tokens_stand_for_what_an_event_is_from() {
        let of = |template| subject(template, "pump-7", Some("sensor"));

        assert_eq!(of("{iothub}.{deviceid}.{moduleid}"), "plant.pump-7.sensor");
        assert_eq!(of("raw-{deviceid}/{moduleid}.all"), "raw-pump-7/sensor.all");
        assert_eq!(of("fixed"), "fixed");
        assert_eq!(of("{other}.{"), "{other}.{");
    }

    #[test]
    fn a_device_has_no_token_for_a_module() {
        let of = |template| subject(template, "pump-7", None);

        assert_eq!(of("{iothub}.{deviceid}.{moduleid}"), "plant.pump-7");
        assert_eq!(of("{iothub}.{moduleid}.{deviceid}"), "plant.pump-7");
    }

    #[test]
    fn ids_make_no_dots_and_no_wildcards() {
        assert_eq!(subject("t.{deviceid}", "a.b*%c", None), "t.a%2Eb%2A%25c");
    }

    #[test]
    fn a_template_that_is_no_subject_is_refused() {
        let hub = HubName::parse("plant").unwrap();

        for template in ["", "a..b", ".a", "a.", "a.*", "a.>", "a b", "a\r\nPUB"] {
            assert!(Subjects::parse(template, &hub).is_err(), "{template}");
        }
    }
}
