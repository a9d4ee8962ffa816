-- How calls fared, per key and bin: lost, hurt (lost, or a failed attempt), stopped (by a budget,
-- a breaker or the want of a policy), slow (a success that took longer than the key's limit),
-- hedged, given up (ended for want of a budget or a policy, or by the caller). What was lost and
-- what a retry rescued is counted with the weights of samples, too.
-- A bin says only where to look closer, so a call stands where it began: to look up the first
-- attempt of every call takes longer than all the rest.
-- Parameters: $bin_us, $keys and $slow_us (lists of equal length).
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
),

made AS (
    SELECT
        call_id,
        key,
        epoch_us(started_at) // $bin_us AS bin,
        coalesce(sample_weight, 1) AS weight,
        NOT success AND disposition <> 'unfinished' AS lost,
        success AND retries > 0 AS rescued,
        disposition IN ('budget_denied', 'circuit_open', 'policy_denied') AS stopped,
        disposition IN ('budget_denied', 'cancelled', 'policy_denied') AS given_up,
        hedges > 0 AS hedged
    FROM calls
)

SELECT
    m.key,
    m.bin,
    sum(m.weight)::BIGINT AS calls,
    count(*) FILTER (WHERE m.lost) AS lost,
    count(*) FILTER (WHERE m.lost OR coalesce(t.failed, false)) AS hurt,
    count(*) FILTER (WHERE m.stopped) AS stopped,
    count(*) FILTER (WHERE coalesce(t.slow, false)) AS slow,
    count(*) FILTER (WHERE m.hedged) AS hedged,
    count(*) FILTER (WHERE m.given_up) AS given_up,
    coalesce(sum(m.weight) FILTER (WHERE m.lost), 0)::BIGINT AS lost_calls,
    coalesce(sum(m.weight) FILTER (WHERE m.rescued), 0)::BIGINT AS rescued
FROM made AS m
LEFT JOIN tried AS t ON m.call_id = t.call_id
GROUP BY m.key, m.bin
ORDER BY m.key, m.bin
