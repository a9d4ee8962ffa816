-- How calls fared, per key and bin: lost, hurt (lost, or a failed attempt), stopped (by a budget,
-- a breaker or the want of a policy), slow (a success that took longer than the key's limit),
-- hedged, given up (ended for want of a budget or a policy, or by the caller). What was lost and
-- what a retry rescued is counted with the weights of samples, too; the heaviest is told.
-- A bin says only where to look closer, so a call stands where it began: to look up the first
-- attempt of every call takes longer than all the rest.
-- Parameters: $bin_us, $keys and $slow_us (lists of equal length).
WITH limits AS (
    SELECT
        unnest($keys::VARCHAR[]) AS policy_key,
        unnest($slow_us::BIGINT[]) AS slow_us
),

-- Few attempts fail or are slow. Each kind is looked for by itself, so that others are not read.
tried AS (
    SELECT
        call_id,
        bool_or(failed) AS failed,
        bool_or(NOT failed) AS slow
    FROM (
        SELECT
            call_id,
            true AS failed
        FROM attempts
        WHERE ran AND outcome IN ('retryable', 'non_retryable', 'abort')
        UNION ALL
        SELECT
            a.call_id,
            false AS failed
        FROM attempts AS a
        INNER JOIN limits AS l ON a.key = l.policy_key
        WHERE
            a.ran
            AND a.outcome = 'success'
            AND a.duration_us > l.slow_us
            AND a.duration_us > list_min($slow_us::BIGINT[])
    ) AS either
    GROUP BY call_id
),

-- Of most calls there is nothing to tell but that they were made.
odd AS (
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
    WHERE
        NOT success
        OR disposition <> 'success'
        OR retries > 0
        OR hedges > 0
        OR call_id IN (SELECT tried.call_id FROM tried)
),

told AS (
    SELECT
        o.key,
        o.bin,
        count(*) FILTER (WHERE o.lost) AS lost,
        count(*) FILTER (WHERE o.lost OR coalesce(t.failed, false)) AS hurt,
        count(*) FILTER (WHERE o.stopped) AS stopped,
        count(*) FILTER (WHERE coalesce(t.slow, false)) AS slow,
        count(*) FILTER (WHERE o.hedged) AS hedged,
        count(*) FILTER (WHERE o.given_up) AS given_up,
        coalesce(sum(o.weight) FILTER (WHERE o.lost), 0)::BIGINT AS lost_calls,
        coalesce(sum(o.weight) FILTER (WHERE o.rescued), 0)::BIGINT AS rescued
    FROM odd AS o
    LEFT JOIN tried AS t ON o.call_id = t.call_id
    GROUP BY o.key, o.bin
),

made AS (
    SELECT
        key,
        epoch_us(started_at) // $bin_us AS bin,
        sum(coalesce(sample_weight, 1))::BIGINT AS calls,
        max(coalesce(sample_weight, 1))::BIGINT AS heaviest
    FROM calls
    GROUP BY ALL
)

SELECT
    m.key,
    m.bin,
    m.calls,
    m.heaviest,
    coalesce(t.lost, 0) AS lost,
    coalesce(t.hurt, 0) AS hurt,
    coalesce(t.stopped, 0) AS stopped,
    coalesce(t.slow, 0) AS slow,
    coalesce(t.hedged, 0) AS hedged,
    coalesce(t.given_up, 0) AS given_up,
    coalesce(t.lost_calls, 0) AS lost_calls,
    coalesce(t.rescued, 0) AS rescued
FROM made AS m
LEFT JOIN told AS t ON m.key = t.key AND m.bin = t.bin
ORDER BY m.key, m.bin
