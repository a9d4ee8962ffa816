-- The attempts of one call, in launch order.
-- Parameters: $call_id, $key, $started_us (of the call).
SELECT
    attempt,
    hedge_index,
    is_hedge,
    ran,
    epoch_us(started_at) AS started_unix_us,
    epoch_us(ended_at) AS ended_unix_us,
    duration_us,
    outcome,
    reason,
    status,
    error_type,
    error_message,
    backoff_us,
    waited_before_us,
    backoff_source,
    retry_after_us,
    timeout_us,
    budget_name,
    budget_allowed,
    budget_reason,
    late,
    cancel_reason,
    peer,
    attributes
FROM attempts
WHERE
    call_id = $call_id
    -- Files are sorted by key and time, so that these two find the rows to read.
    AND key = $key
    AND started_at >= make_timestamp($started_us::BIGINT)
ORDER BY started_at, attempt, hedge_index
