//! Why a form was not done, as it stands in the form that is shown again.

use http::StatusCode;

use crate::client::ApiError;
use crate::failure::as_sentence;

/// A refusal, which `refused.html` shows where a template has it as the field
/// `refused: Option<Refused>`. What was typed stays in the form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The status of the page.
    pub status: StatusCode,
    /// What is wrong, and what to do.
    pub sentence: String,
    /// The hub's name for it, if it gave one.
    pub code: Option<String>,
}

impl Refused {
    /// What was typed does not fit, whatever the hub would say.
    pub fn invalid(sentence: impl Into<String>) -> Self {
        Refused {
            status: StatusCode::BAD_REQUEST,
            sentence: sentence.into(),
            code: None,
        }
    }

    /// The status of a page with a form: that of its refusal, if there is one.
    pub fn status_of(refused: Option<&Refused>) -> StatusCode {
        refused.map_or(StatusCode::OK, |refused| refused.status)
    }
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        if let ApiError::Unexpected(error) = &error {
            tracing::error!(%error, "the portal could not read an answer of the API");
        }
        let code = error.code().filter(|code| !code.is_empty());
        Refused {
            status: error.status(),
            sentence: as_sentence(&error.to_string()),
            code: code.map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_of_the_api_becomes_a_sentence_with_the_hubs_name_for_it() {
        let refused = Refused::from(ApiError::Refused {
            status: StatusCode::CONFLICT,
            code: "DeviceAlreadyExists".to_owned(),
            message: "there is such a device".to_owned(),
        });

        assert_eq!(refused.sentence, "There is such a device.");
        assert_eq!(refused.code.as_deref(), Some("DeviceAlreadyExists"));
        assert_eq!(refused.status, StatusCode::CONFLICT);
    }
}
