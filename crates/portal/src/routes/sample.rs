//! The message that routes are tried on, as a form.

use serde_json::{Map, Value, json};

use crate::client::Call;
use crate::device::{Target, explained};
use crate::fields::Fields;
use crate::json_text::parse_object;
use crate::pairs;
use crate::problems::Problems;
use crate::refused::Refused;
use crate::visit::Visit;

/// What somebody typed.
#[derive(Debug, Clone)]
pub struct SampleForm {
    /// The body.
    pub body: String,
    /// Application properties: `name=value`, one a line.
    pub properties: String,
    /// System properties, in the same way.
    pub system: String,
    /// A device whose twin it is tried with.
    pub device: String,
    /// Or a twin.
    pub twin: String,
}

impl Default for SampleForm {
    fn default() -> Self {
        SampleForm {
            body: "{ \"temperature\": 31 }".to_owned(),
            properties: String::new(),
            system: "contentType=application/json\ncontentEncoding=utf-8".to_owned(),
            device: String::new(),
            twin: String::new(),
        }
    }
}

/// A message and the sender's twin, as the API takes them.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The message.
    pub message: Value,
    /// The twin, if there is one.
    pub twin: Option<Value>,
}

impl SampleForm {
    /// Reads the form's fields.
    pub fn of(fields: &Fields) -> Self {
        let text = |name| fields.text(name);
        SampleForm {
            body: text("body"),
            properties: text("properties"),
            system: text("system"),
            device: fields.get("device").trim().to_owned(),
            twin: text("twin"),
        }
    }

    /// The message, with the twin of the device that is named.
    pub async fn sample(&self, visit: &Visit) -> Result<Sample, Problems> {
        let mut sample = self.parse()?;
        if !self.device.is_empty() {
            let twin = visit.read(Call::get(["twins", &self.device])).await;
            let target = Target::device(&self.device);
            let refused = |error| {
                Problems::at_field("device", Refused::from(explained(error, &target)).sentence)
            };
            sample.twin = Some(twin.map_err(refused)?);
        }
        Ok(sample)
    }

    fn parse(&self) -> Result<Sample, Problems> {
        let mut problems = Problems::default();
        let properties = problems.take("properties", members(&self.properties));
        let system = problems.take("system", members(&self.system));
        let twin = problems.take("twin", twin(&self.twin));
        problems.none()?;
        let message = json!({
            "body": self.body,
            "appProperties": properties,
            "systemProperties": system,
        });
        Ok(Sample { message, twin })
    }
}

fn members(text: &str) -> Result<Map<String, Value>, String> {
    let pairs = pairs::parse(text, '=')?.into_iter();
    Ok(pairs.map(|pair| (pair.name, pair.value.into())).collect())
}

fn twin(text: &str) -> Result<Option<Value>, String> {
    let twin = parse_object(text)?;
    if twin.is_empty() {
        return Ok(None);
    }
    if !twin.contains_key("tags") && !twin.contains_key("properties") {
        return Err("A twin is an object with tags and properties, such as \
                    {\"tags\": {\"site\": \"north\"}, \"properties\": {\"desired\": {}}}."
            .to_owned());
    }
    Ok(Some(twin.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_becomes_a_message_and_a_twin() {
        let fields = Fields::parse(
            b"body=%7B%7D%0D%0A&properties=level%3Dhigh%0D%0A%0D%0Anote%3Da%3Db&system=&twin=%7B%22tags%22%3A%7B%7D%7D",
        );

        let sample = SampleForm::of(&fields).parse().unwrap();

        assert_eq!(
            sample.message,
            json!({
                "body": "{}\n",
                "appProperties": { "level": "high", "note": "a=b" },
                "systemProperties": {},
            })
        );
        assert_eq!(sample.twin, Some(json!({ "tags": {} })));
    }

    #[test]
    fn what_can_not_be_read_is_told_at_its_field() {
        let form = SampleForm {
            properties: "level".to_owned(),
            system: "a=1\nb=2\na=3".to_owned(),
            twin: "{\n  tags".to_owned(),
            ..SampleForm::default()
        };

        let problems = form.parse().unwrap_err();

        assert!(
            problems
                .at("properties")
                .unwrap()
                .starts_with("Line 1 has no '='")
        );
        assert_eq!(problems.at("system"), Some("Line 3 gives a a second time."));
        assert_eq!(
            problems.at("twin"),
            Some("This is not JSON: line 2, column 3: key must be a string.")
        );
    }

    #[test]
    fn a_twin_without_its_sections_is_refused_rather_than_ignored() {
        let form = |twin: &str| SampleForm {
            twin: twin.to_owned(),
            ..SampleForm::default()
        };

        assert!(form("{\"site\": 1}").parse().is_err());
        assert!(form("[]").parse().is_err());
        assert_eq!(form(" ").parse().unwrap().twin, None);
    }
}
