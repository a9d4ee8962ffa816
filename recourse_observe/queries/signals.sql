-- How calls fared, per key and bin: lost, hurt (lost, or a failed attempt), stopped (by a budget,
-- a breaker or the want of a policy), slow (a success that took longer than the key's limit),
-- hedged. What was lost and what a retry rescued is counted with the weights of samples, too.
-- Parameters: those of members.sql, $bin_us, $keys and $slow_us (lists of equal length).
WITH limits AS (
    SELECT
        unnest($keys::VARCHAR[]) AS policy_key,
        unnest($slow_us::BIGINT[]) AS slow_us
),

-- Few attempts fail or are slow: the others are left out before anything is looked up.
tried AS (
    SELECT
        a.call_id,
        bool_or(a.outcome <> 'success') AS failed,
        bool_or(a.outcome = 'success') AS slow
    FROM attempts AS a
    LEFT JOIN limits AS l ON a.key = l.policy_key
    WHERE
        a.ran
        AND (
            a.outcome IN ('retryable', 'non_retryable', 'abort')
            OR (a.outcome = 'success' AND a.duration_us > l.slow_us)
        )
    GROUP BY a.call_id
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
    count(*) FILTER (WHERE coalesce(t.slow, false)) AS slow,
    count(*) FILTER (WHERE m.hedges > 0) AS hedged,
    coalesce(sum(m.sample_weight) FILTER (WHERE m.lost), 0)::BIGINT AS lost_calls,
    coalesce(sum(m.sample_weight) FILTER (WHERE m.success AND m.retries > 0), 0)::BIGINT AS rescued
FROM members AS m
LEFT JOIN tried AS t ON m.call_id = t.call_id
GROUP BY ALL
ORDER BY m.key, bin
