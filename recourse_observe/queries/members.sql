-- The calls of a scope, each with the moment that makes it a member: its first attempt's start,
-- or, when it made no attempt, its own. Every question about calls reads this and nothing else.
-- Parameters: $start_us, $end_us (half-open), $key (empty: every key).
SELECT
    c.call_id,
    c.parent_call_id,
    c.key,
    c.method,
    c.idempotent,
    c.service,
    c.instance,
    c.region,
    c.policy_id,
    c.policy_version,
    c.policy_source,
    c.policy_mode,
    c.started_at,
    c.duration_us,
    c.success,
    c.disposition,
    c.final_outcome,
    c.final_reason,
    c.attempts_run,
    c.retries,
    c.hedges,
    c.error_type,
    c.trace_id,
    coalesce(c.sample_weight, 1) AS sample_weight,
    c.attributes,
    epoch_us(coalesce(a.started_at, c.started_at)) AS member_us,
    NOT c.success AND c.disposition <> 'unfinished' AS lost
FROM calls AS c
LEFT JOIN attempts AS a
    ON
        c.call_id = a.call_id
        AND a.attempt = 0
        AND a.hedge_index = 0
        AND a.ran
        -- A first attempt before the scope belongs to a call that began before it: not a member.
        AND a.started_at >= make_timestamp($start_us::BIGINT)
WHERE
    ($key = '' OR c.key = $key)
    -- A member starts before the scope ends and ends after it starts: files can be skipped by that.
    AND c.started_at < make_timestamp($end_us::BIGINT)
    AND c.ended_at >= make_timestamp($start_us::BIGINT)
    AND coalesce(a.started_at, c.started_at) >= make_timestamp($start_us::BIGINT)
    AND coalesce(a.started_at, c.started_at) < make_timestamp($end_us::BIGINT)
