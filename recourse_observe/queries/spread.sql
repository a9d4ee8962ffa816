-- How calls of a scope spread: by attempts, by the length of the longest attempt and of the call
-- (two steps to a doubling, -1 for none), and by whether the first attempt failed.
-- Parameters: those of members.sql.
WITH tried AS (
    SELECT
        call_id,
        max(duration_us) FILTER (WHERE ran) AS longest_us,
        bool_or(
            attempt = 0
            AND hedge_index = 0
            AND ran
            AND outcome IN ('retryable', 'non_retryable', 'abort')
        ) AS first_failed
    FROM attempts
    GROUP BY call_id
)

SELECT
    m.attempts_run,
    coalesce(floor(2 * log2(greatest(t.longest_us, 1)))::INTEGER, -1) AS attempt_step,
    floor(2 * log2(greatest(m.duration_us, 1)))::INTEGER AS call_step,
    coalesce(t.first_failed, false) AS first_failed,
    sum(m.sample_weight)::BIGINT AS calls
FROM members AS m
LEFT JOIN tried AS t ON m.call_id = t.call_id
GROUP BY ALL
ORDER BY ALL
