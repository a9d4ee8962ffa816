-- Everything that happened in a stretch of time, one row for each event, in its order.
-- Parameters: $start_us, $end_us (half-open), $key (empty: every key), $limit.
-- Of two events of one call in the same microsecond the earlier attempt's comes first; within an
-- attempt the budget's answer, then the start, then the end.
WITH happened AS (
    SELECT
        epoch_us(applied_at) AS at_us,
        'policy' AS kind,
        key,
        '' AS call_id,
        -1 AS attempt,
        0 AS hedge_index,
        coalesce(instance, '') AS instance,
        policy_version AS word,
        true AS good,
        null::DOUBLE AS number,
        1::BIGINT AS weight,
        0 AS place
    FROM policies
    WHERE
        applied_at >= make_timestamp($start_us::BIGINT)
        AND applied_at < make_timestamp($end_us::BIGINT)
    UNION ALL
    SELECT
        epoch_us(changed_at) AS at_us,
        'breaker' AS kind,
        key,
        coalesce(call_id, '') AS call_id,
        -1 AS attempt,
        0 AS hedge_index,
        instance,
        to_state AS word,
        to_state = 'closed' AS good,
        null AS number,
        1 AS weight,
        1 AS place
    FROM circuit_transitions
    WHERE
        changed_at >= make_timestamp($start_us::BIGINT)
        AND changed_at < make_timestamp($end_us::BIGINT)
    UNION ALL
    SELECT
        epoch_us(started_at) AS at_us,
        'call_start' AS kind,
        key,
        call_id,
        -1 AS attempt,
        0 AS hedge_index,
        instance,
        policy_version AS word,
        true AS good,
        null AS number,
        sample_weight AS weight,
        2 AS place
    FROM calls
    WHERE
        started_at >= make_timestamp($start_us::BIGINT)
        AND started_at < make_timestamp($end_us::BIGINT)
    UNION ALL
    SELECT
        epoch_us(decided_at) AS at_us,
        'budget' AS kind,
        key,
        call_id,
        attempt,
        hedge_index,
        instance,
        budget_name AS word,
        allowed AS good,
        level_after AS number,
        1 AS weight,
        3 AS place
    FROM budget_decisions
    WHERE
        decided_at >= make_timestamp($start_us::BIGINT)
        AND decided_at < make_timestamp($end_us::BIGINT)
    UNION ALL
    SELECT
        epoch_us(started_at) AS at_us,
        CASE WHEN ran THEN 'attempt_start' ELSE 'denied' END AS kind,
        key,
        call_id,
        attempt,
        hedge_index,
        instance,
        CASE WHEN ran THEN coalesce(peer, '') ELSE reason END AS word,
        ran AS good,
        null AS number,
        sample_weight AS weight,
        4 AS place
    FROM attempts
    WHERE
        started_at >= make_timestamp($start_us::BIGINT)
        AND started_at < make_timestamp($end_us::BIGINT)
    UNION ALL
    SELECT
        epoch_us(ended_at) AS at_us,
        'attempt_end' AS kind,
        key,
        call_id,
        attempt,
        hedge_index,
        instance,
        reason AS word,
        outcome IN ('success', 'cancelled', 'abandoned') AS good,
        duration_us AS number,
        sample_weight AS weight,
        5 AS place
    FROM attempts
    WHERE
        ran
        AND ended_at >= make_timestamp($start_us::BIGINT)
        AND ended_at < make_timestamp($end_us::BIGINT)
    UNION ALL
    SELECT
        epoch_us(ended_at) AS at_us,
        'call_end' AS kind,
        key,
        call_id,
        2147483647 AS attempt,
        0 AS hedge_index,
        instance,
        disposition AS word,
        success OR disposition = 'unfinished' AS good,
        duration_us AS number,
        sample_weight AS weight,
        6 AS place
    FROM calls
    WHERE
        ended_at >= make_timestamp($start_us::BIGINT)
        AND ended_at < make_timestamp($end_us::BIGINT)
)

SELECT
    at_us,
    kind,
    key,
    call_id,
    attempt,
    hedge_index,
    instance,
    word,
    good,
    number,
    weight
FROM happened
WHERE $key = '' OR key = $key
ORDER BY at_us, call_id, attempt, hedge_index, place, key, instance, word
LIMIT $limit
