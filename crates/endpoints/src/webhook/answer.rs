//! What answers mean.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use twinhub_core::ports::{DeliveryFailure, FailureReason};
use twinhub_core::time::Timestamp;

/// What an answer says of what was sent: nothing but 2xx is a yes.
pub(super) fn judge(
    status: StatusCode,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<(), DeliveryFailure> {
    if status.is_success() {
        return Ok(());
    }
    let failure = DeliveryFailure::new(reason(status), format!("answered {status}"));
    Err(failure.retry_after(retry_after(headers, now)))
}

/// Only what is about the size is about the event: whatever else is refused
/// may be taken once somebody has put something right.
fn reason(status: StatusCode) -> FailureReason {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => FailureReason::Invalid,
        StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::PROXY_AUTHENTICATION_REQUIRED => FailureReason::Unauthorized,
        StatusCode::NOT_FOUND | StatusCode::GONE => FailureReason::NotFound,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => FailureReason::Throttled,
        StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => FailureReason::Timeout,
        _ => FailureReason::Failed,
    }
}

/// Seconds, or a date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let since_1970 = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(Timestamp::from_unix_seconds(since_1970.as_secs()).since(now))
}

/// What went wrong before there was an answer. Addresses may hold secrets.
pub(super) fn no_answer(error: &reqwest::Error) -> DeliveryFailure {
    if error.is_timeout() {
        return DeliveryFailure::new(FailureReason::Timeout, "no answer in time");
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let detail = match std::ptr::addr_eq(cause, error) {
        // Its own words name the address.
        true => "the request failed".to_owned(),
        false if error.is_connect() => format!("could not connect: {cause}"),
        false => format!("the connection broke: {cause}"),
    };
    DeliveryFailure::new(FailureReason::Unreachable, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn judged(status: u16, retry_after: Option<&str>) -> Result<(), DeliveryFailure> {
        let headers = retry_after.map(|text| (RETRY_AFTER, text.parse().unwrap()));
        judge(
            StatusCode::from_u16(status).unwrap(),
            &headers.into_iter().collect(),
            Timestamp::from_unix_seconds(NOW),
        )
    }

    #[test]
    fn nothing_but_2xx_is_delivered_and_nothing_but_too_large_is_given_up() {
        for status in 100..600 {
            let answer = judged(status, None);

            assert_eq!(answer.is_ok(), (200..300).contains(&status), "{status}");
            let gives_up = answer.is_err_and(|failure| failure.reason == FailureReason::Invalid);
            assert_eq!(gives_up, status == 413, "{status}");
        }
    }

    #[test]
    fn a_pause_is_asked_for_in_seconds_or_by_a_date() {
        let pause = |text| judged(429, text).unwrap_err().retry_after;

        assert_eq!(pause(None), None);
        assert_eq!(pause(Some("30")), Some(Duration::from_secs(30)));
        let date = "Fri, 15 Jan 2027 08:01:00 GMT";
        assert_eq!(pause(Some(date)), Some(Duration::from_secs(60)));
        let past = "Fri, 15 Jan 2021 08:00:00 GMT";
        assert_eq!(pause(Some(past)), Some(Duration::ZERO));
        assert_eq!(pause(Some("soon")), None);
        assert_eq!(pause(Some("-1")), None);
    }
}
