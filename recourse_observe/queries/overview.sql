-- Every key of a time, from the exact counts of ten seconds: no call is read.
-- The key that lost most first.
-- Parameters: $start_us, $end_us (half-open, of buckets), $key (empty: every key).
SELECT
    key,
    sum(calls)::BIGINT AS calls,
    sum(calls - successes)::BIGINT AS lost,
    sum(attempts)::BIGINT AS attempts,
    sum(retries)::BIGINT AS retries,
    sum(hedges)::BIGINT AS hedges,
    sum(denied)::BIGINT AS denied,
    sum(rejected_by_circuit)::BIGINT AS rejected,
    sum(active_us)::BIGINT AS active_us,
    list(latency) FILTER (WHERE NOT ends_with(latency, '"counts": {}}')) AS latencies
FROM rollups
WHERE
    bucket_at >= make_timestamp($start_us::BIGINT)
    AND bucket_at < make_timestamp($end_us::BIGINT)
    AND ($key = '' OR key = $key)
GROUP BY key
ORDER BY lost DESC, calls DESC, key ASC
