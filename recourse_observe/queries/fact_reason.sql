-- The reason that most attempts of an incident failed for, during it and before: one row, or none.
-- Parameters: those of members.sql, $keys (a list), $onset_us, $offset_us.
WITH tried AS (
    SELECT
        m.member_us >= $onset_us AS inside,
        a.reason,
        a.outcome IN ('retryable', 'non_retryable', 'abort') AS failed,
        m.sample_weight
    FROM members AS m
    INNER JOIN attempts AS a ON m.call_id = a.call_id
    WHERE a.ran AND list_contains($keys::VARCHAR[], m.key) AND m.member_us < $offset_us
),

reasons AS (
    SELECT
        reason,
        coalesce(sum(sample_weight) FILTER (WHERE inside AND failed), 0)::BIGINT AS attempts,
        (sum(sum(sample_weight) FILTER (WHERE inside)) OVER ())::BIGINT AS of_attempts,
        coalesce(sum(sample_weight) FILTER (WHERE NOT inside AND failed), 0)::BIGINT
            AS attempts_before,
        (coalesce(sum(sum(sample_weight) FILTER (WHERE NOT inside)) OVER (), 0))::BIGINT
            AS of_attempts_before
    FROM tried
    GROUP BY reason
)

SELECT
    reason,
    attempts,
    of_attempts,
    attempts_before,
    of_attempts_before
FROM reasons
WHERE attempts > 0
ORDER BY attempts DESC, reason ASC
LIMIT 1
