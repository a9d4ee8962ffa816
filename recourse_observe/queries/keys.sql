-- Every key of a scope at a glance, the one that lost most first.
-- Parameters: those of members.sql.
WITH tried AS (
    SELECT
        call_id,
        count(*) FILTER (WHERE NOT budget_allowed) AS denied,
        count(*) FILTER (
            WHERE ran AND outcome IN ('retryable', 'non_retryable', 'abort')
        ) AS failed,
        max(duration_us) FILTER (WHERE ran) AS longest_us
    FROM attempts
    WHERE $key = '' OR key = $key
    GROUP BY call_id
)

SELECT
    m.key,
    sum(m.sample_weight)::BIGINT AS calls,
    coalesce(sum(m.sample_weight) FILTER (WHERE m.lost), 0)::BIGINT AS lost,
    sum(m.attempts_run * m.sample_weight)::BIGINT AS attempts,
    sum(m.retries * m.sample_weight)::BIGINT AS retries,
    coalesce(sum(m.sample_weight) FILTER (WHERE m.success AND m.retries > 0), 0)::BIGINT AS rescued,
    sum(m.hedges * m.sample_weight)::BIGINT AS hedges,
    coalesce(sum(a.denied), 0)::BIGINT AS denied,
    count(*) FILTER (WHERE m.disposition = 'circuit_open') AS rejected,
    coalesce(sum(a.failed), 0)::BIGINT AS failed_attempts,
    -- Exact quantiles are faster than approximate ones at these sizes.
    quantile_disc(a.longest_us, 0.5) AS p50_us,
    quantile_disc(a.longest_us, 0.99) AS p99_us,
    quantile_disc(m.duration_us, 0.99) AS call_p99_us
FROM members AS m
LEFT JOIN tried AS a ON m.call_id = a.call_id
GROUP BY m.key
ORDER BY lost DESC, calls DESC, m.key ASC
