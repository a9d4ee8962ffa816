-- A key over time: one row for each bucket that has calls, oldest first.
-- Parameters: those of members.sql, $bucket_us, $origin_us (where the first bucket starts).
SELECT
    m.key,
    (m.member_us - $origin_us) // $bucket_us AS bucket,
    $origin_us + ((m.member_us - $origin_us) // $bucket_us) * $bucket_us AS start_unix_us,
    sum(m.sample_weight)::BIGINT AS calls,
    coalesce(sum(m.sample_weight) FILTER (WHERE m.lost), 0)::BIGINT AS lost,
    sum(m.attempts_run * m.sample_weight)::BIGINT AS attempts,
    sum(m.retries * m.sample_weight)::BIGINT AS retries,
    sum(m.hedges * m.sample_weight)::BIGINT AS hedges,
    count(*) FILTER (WHERE m.disposition = 'budget_denied') AS denied,
    count(*) FILTER (WHERE m.disposition = 'circuit_open') AS rejected,
    quantile_disc(m.duration_us, 0.5) AS p50_us,
    quantile_disc(m.duration_us, 0.99) AS p99_us
FROM members AS m
GROUP BY ALL
ORDER BY m.key, bucket
