-- The calls of some keys one by one, to place two edges exactly; those between are left out.
-- Parameters: those of members.sql, $keys and $slow_us (lists of equal length), $between_from_us,
-- $between_to_us (half-open).
WITH tried AS (
    SELECT
        call_id,
        bool_or(ran AND outcome IN ('retryable', 'non_retryable', 'abort')) AS failed,
        arg_min(reason, (attempt, hedge_index)) FILTER (
            WHERE ran AND outcome IN ('retryable', 'non_retryable', 'abort')
        ) AS reason,
        max(duration_us) FILTER (WHERE ran AND outcome = 'success') AS won_us
    FROM attempts
    WHERE list_contains($keys::VARCHAR[], key)
    GROUP BY call_id
),

limits AS (
    SELECT
        unnest($keys::VARCHAR[]) AS policy_key,
        unnest($slow_us::BIGINT[]) AS slow_us
)

SELECT
    m.member_us,
    m.lost,
    m.lost OR coalesce(t.failed, false) AS hurt,
    coalesce(t.won_us > l.slow_us, false) AS slow,
    m.hedges > 0 AS hedged,
    CASE
        WHEN m.lost THEN m.disposition || ' ' || m.final_reason
        WHEN t.failed THEN 'rescued ' || t.reason
        ELSE ''
    END AS mark,
    m.sample_weight AS weight
FROM members AS m
INNER JOIN limits AS l ON m.key = l.policy_key
LEFT JOIN tried AS t ON m.call_id = t.call_id
WHERE m.member_us < $between_from_us OR m.member_us >= $between_to_us
ORDER BY m.member_us, m.call_id
