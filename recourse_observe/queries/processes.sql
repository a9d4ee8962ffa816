-- How calls of some keys fared per process, second by second: for dose and response.
-- Parameters: those of members.sql, $keys (a list).
WITH tried AS (
    SELECT
        call_id,
        bool_or(ran AND outcome IN ('retryable', 'non_retryable', 'abort')) AS failed
    FROM attempts
    WHERE list_contains($keys::VARCHAR[], key)
    GROUP BY call_id
)

SELECT
    m.instance,
    m.member_us // 1000000 AS at_s,
    sum(m.sample_weight)::BIGINT AS calls,
    count(*) FILTER (WHERE m.lost) AS lost,
    count(*) FILTER (WHERE m.lost OR coalesce(t.failed, false)) AS hurt,
    sum(m.hedges)::BIGINT AS hedges,
    sum(m.attempts_run)::BIGINT AS attempts,
    sum(m.duration_us)::BIGINT AS duration_us
FROM members AS m
LEFT JOIN tried AS t ON m.call_id = t.call_id
WHERE list_contains($keys::VARCHAR[], m.key)
GROUP BY ALL
ORDER BY ALL
