-- How calls fared, per key and bin: lost, hurt (lost, or a failed attempt), stopped (by a budget,
-- a breaker or the want of a policy), slow (a success that took longer than the key's limit),
-- hedged.
-- Parameters: those of members.sql, $bin_us, $keys and $slow_us (lists of equal length).
WITH tried AS (
    SELECT
        call_id,
        bool_or(ran AND outcome IN ('retryable', 'non_retryable', 'abort')) AS failed,
        max(duration_us) FILTER (WHERE ran AND outcome = 'success') AS won_us
    FROM attempts
    GROUP BY call_id
),

limits AS (
    SELECT
        unnest($keys::VARCHAR[]) AS policy_key,
        unnest($slow_us::BIGINT[]) AS slow_us
)

SELECT
    m.key,
    m.member_us // $bin_us AS bin,
    sum(m.sample_weight)::BIGINT AS calls,
    count(*) FILTER (WHERE m.lost) AS lost,
    count(*) FILTER (WHERE m.lost OR coalesce(t.failed, false)) AS hurt,
    count(*) FILTER (
        WHERE m.disposition IN ('budget_denied', 'circuit_open', 'policy_denied')
    ) AS stopped,
    count(*) FILTER (WHERE coalesce(t.won_us > l.slow_us, false)) AS slow,
    count(*) FILTER (WHERE m.hedges > 0) AS hedged
FROM members AS m
LEFT JOIN tried AS t ON m.call_id = t.call_id
LEFT JOIN limits AS l ON m.key = l.policy_key
GROUP BY ALL
ORDER BY m.key, bin
