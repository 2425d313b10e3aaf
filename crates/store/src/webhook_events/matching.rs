//! The one place that says what a [`Filter`](super::Filter) means in SQL: what is listed is what is replayed.

/// A query whose rows match `$filter`. `$select` comes before the condition, `$tail` behind it; the filter takes
/// parameters 1 to 11, `$more` begin at 12.
macro_rules! matching {
    ($row:ty, $select:tt, $tail:tt, $filter:expr $(, $more:expr)* $(,)?) => {
        sqlx::query_as!(
            $row,
            $select + r#"
            where ($1::uuid[] is null or id = any($1))
                and ($2::text is null or status = $2)
                and ($3::text is null or provider = $3)
                and ($4::text is null or event_type = $4)
                and ($5::text is null or subject = $5 or lead_id = $5)
                and ($6::text is null or error_code = $6)
                and ($7::text is null or dedup_key = $7)
                and ($8::text is null or id in (select event_id from dead_letters where fingerprint = $8))
                and ($9::timestamptz is null or received_at >= $9)
                and ($10::timestamptz is null or received_at < $10)
                and ($11::text is null or position(convert_to($11, 'UTF8') in body) > 0)
            "# + $tail,
            $filter.ids as _,
            $filter.status as _,
            $filter.provider,
            $filter.event_type,
            $filter.subject,
            $filter.reason,
            $filter.dedup_key,
            $filter.group,
            $filter.since,
            $filter.until,
            $filter.text
            $(, $more)*
        )
    };
}

pub(super) use matching;
