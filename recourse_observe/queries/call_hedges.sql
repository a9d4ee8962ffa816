-- The hedges of one call, spawned or denied, in order.
-- Parameters: $call_id, $key, $started_us (of the call).
SELECT
    attempt,
    hedge_index,
    epoch_us(spawned_at) AS spawned_unix_us,
    epoch_us(ended_at) AS ended_unix_us,
    delay_us,
    trigger,
    result,
    cancel_reason
FROM hedges
WHERE
    call_id = $call_id
    -- Files are sorted by key and time, so that these two find the rows to read.
    AND key = $key
    AND spawned_at >= make_timestamp($started_us::BIGINT)
ORDER BY spawned_at, attempt, hedge_index
