//! What a status says about trying again.

use http::StatusCode;

/// What to do after an answer of this status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Done.
    Success,
    /// Not now; the same may succeed later.
    Retry,
    /// The same will be refused for ever.
    Permanent,
    /// The endpoint is retired: call it no more.
    Disable,
}

impl Verdict {
    /// The verdict by status alone. Proved by `a_status_says_whether_to_try_again`.
    pub fn of(status: StatusCode) -> Self {
        match status {
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
                Self::Retry
            }
            StatusCode::NOT_IMPLEMENTED | StatusCode::HTTP_VERSION_NOT_SUPPORTED => Self::Permanent,
            StatusCode::GONE => Self::Disable,
            status if status.is_success() => Self::Success,
            status if status.is_server_error() => Self::Retry,
            _ => Self::Permanent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_whether_to_try_again() {
        for (verdict, statuses) in [
            (Verdict::Success, &[200, 201, 202, 204][..]),
            (Verdict::Retry, &[408, 425, 429, 500, 502, 503, 504, 529]),
            (Verdict::Permanent, &[301, 302, 304, 400, 401, 403, 404, 409, 413, 422, 501, 505]),
            (Verdict::Disable, &[410]),
        ] {
            for status in statuses {
                assert_eq!(Verdict::of(StatusCode::from_u16(*status).unwrap()), verdict, "{status}");
            }
        }
    }
}
