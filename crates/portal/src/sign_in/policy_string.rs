//! What somebody pastes to sign in: the connection string of a policy.

use twinhub_sas::ConnectionString;

use crate::failure::as_sentence;
use crate::secret::Secret;
use crate::sessions::Credential;

/// How connection strings begin that readers of events have.
const OF_READERS: &str = "Endpoint=";

/// The policy, its key and the host of a connection string.
pub fn read(text: &str) -> Result<(Credential, String), String> {
    // As it stands in a shell's line or in JSON.
    let text = text.trim().trim_matches(['"', '\'']);
    if text.is_empty() {
        return Err("Paste the connection string of a policy.".to_owned());
    }
    let is_of_readers = text.get(..OF_READERS.len());
    if is_of_readers.is_some_and(|start| start.eq_ignore_ascii_case(OF_READERS)) {
        return Err(
            "This is the connection string of the built-in endpoint, for those who read events. \
             That of a policy begins with HostName=: `twinhub connection-string` prints one."
                .to_owned(),
        );
    }
    let parsed = ConnectionString::parse(text).map_err(|error| as_sentence(&error.to_string()))?;
    let (Some(policy), twinhub_sas::Credential::SharedAccessKey(key)) =
        (parsed.policy_name(), parsed.credential())
    else {
        return Err(
            "This is not the connection string of a policy: it needs SharedAccessKeyName and \
             SharedAccessKey. `twinhub connection-string` prints one."
                .to_owned(),
        );
    };
    let credential = Credential::Policy {
        name: policy.to_owned(),
        key: Secret::of(key),
    };
    Ok((credential, parsed.host_name().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_policy_with_its_key_signs_in() {
        let key = twinhub_sas::generate_key();
        let policy = format!("HostName=hub;SharedAccessKeyName=service;SharedAccessKey={key}");
        let device = format!("HostName=hub;DeviceId=d;SharedAccessKey={key}");

        let (_, host) = read(&format!("  {policy}\n")).unwrap();

        assert_eq!(host, "hub");
        assert!(read(&format!("\"{policy}\"")).is_ok());
        for text in ["", "what?", &device] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn who_shows_what_readers_of_events_have_is_told_what_policies_have() {
        let key = twinhub_sas::generate_key();
        let text = format!("endpoint=sb://hub/;SharedAccessKeyName=service;SharedAccessKey={key}");

        let sentence = read(&text).unwrap_err();

        assert!(sentence.contains("begins with HostName="), "{sentence}");
    }
}
