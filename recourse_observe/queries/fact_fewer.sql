-- The key that was called least during an incident against what was usual, without failing itself:
-- whoever calls it did not come that far. One row, or none.
-- Parameters: those of members.sql, $affected (a list of keys), $onset_us, $offset_us.
WITH counted AS (
    SELECT
        key AS policy_key,
        coalesce(sum(sample_weight) FILTER (WHERE member_us >= $onset_us), 0)::BIGINT AS calls,
        coalesce(sum(sample_weight) FILTER (WHERE member_us < $onset_us), 0)::BIGINT AS calls_before
    FROM members
    WHERE NOT list_contains($affected::VARCHAR[], key) AND member_us < $offset_us
    GROUP BY key
)

SELECT
    policy_key,
    calls,
    ($offset_us - $onset_us) / 1e6 AS seconds,
    calls_before,
    ($onset_us - $start_us) / 1e6 AS seconds_before
FROM counted
WHERE
    -- A rate from a few calls is chance.
    calls_before * ($offset_us - $onset_us) >= 30 * ($onset_us - $start_us)
    AND calls * ($onset_us - $start_us) < 0.5 * calls_before * ($offset_us - $onset_us)
ORDER BY calls / calls_before ASC, policy_key ASC
LIMIT 1
