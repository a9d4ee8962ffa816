-- The load that some keys put on their dependency, half second by half second, by the moment at
-- which each attempt started.
-- Parameters: those of members.sql, $keys (a list), $shed_us.
SELECT
    epoch_us(a.started_at) // 500000 AS beat,
    sum(m.sample_weight)::BIGINT AS attempts,
    coalesce(
        sum(m.sample_weight) FILTER (WHERE a.attempt = 0 AND NOT a.is_hedge), 0
    )::BIGINT AS firsts,
    coalesce(sum(m.sample_weight) FILTER (WHERE a.outcome = 'success'), 0)::BIGINT AS successes,
    count(*) FILTER (
        WHERE a.outcome IN ('retryable', 'non_retryable', 'abort') AND a.duration_us < $shed_us
    ) AS shed
FROM members AS m
INNER JOIN attempts AS a ON m.call_id = a.call_id
WHERE a.ran AND list_contains($keys::VARCHAR[], m.key)
GROUP BY beat
ORDER BY beat
