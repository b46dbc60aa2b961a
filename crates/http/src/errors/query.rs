//! Why a query has no answer.

use twinhub_core::query::QueryError;

use crate::error_codes as codes;
use crate::refusal::Refusal;

impl From<QueryError> for Refusal {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Invalid(invalid) => Refusal::invalid(invalid.to_string()),
            QueryError::NotBuilt(_) => Refusal::new(
                codes::NOT_IMPLEMENTED,
                format!("this version of Twinhub does not have {error}"),
            ),
            QueryError::Continuation => Refusal::invalid(format!(
                "{error}; send it with the query that it came from, or leave it out to begin anew"
            )),
            QueryError::Store(error) => error.into(),
        }
    }
}
