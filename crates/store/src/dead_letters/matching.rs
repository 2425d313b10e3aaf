//! The one place that says what a [`Filter`](super::Filter) means in SQL.

/// A query whose rows match `$filter`. `$select` comes before the condition, `$tail` behind it; the filter takes
/// parameters 1 to 12, `$more` begin at 13.
macro_rules! matching {
    ($row:ty, $select:tt, $tail:tt, $filter:expr $(, $more:expr)* $(,)?) => {
        sqlx::query_as!(
            $row,
            $select + r#"
            where ($1::uuid[] is null or id = any($1))
                and ($2::text is null or provider = $2)
                and ($3::text is null or consumer = $3)
                and ($4::text is null or event_type = $4)
                and ($5::text is null or status = $5)
                and ($6::text is null or reason_code = $6)
                and ($7::text is null or fingerprint = $7)
                and ($8::text is null or dedup_key = $8)
                and ($9::text is null or subject = $9)
                and ($10::timestamptz is null or last_failed_at >= $10)
                and ($11::timestamptz is null or last_failed_at < $11)
                and ($12::text is null or position(convert_to($12, 'UTF8') in body) > 0
                    or strpos(last_error, $12) > 0)
            "# + $tail,
            $filter.ids as _,
            $filter.provider,
            $filter.consumer,
            $filter.event_type,
            $filter.status as _,
            $filter.reason,
            $filter.fingerprint,
            $filter.dedup_key,
            $filter.subject,
            $filter.since,
            $filter.until,
            $filter.text
            $(, $more)*
        )
    };
}

pub(super) use matching;
