-- What the budgets decided for one call, in order.
-- Parameters: $call_id, $key, $started_us (of the call).
SELECT
    epoch_us(decided_at) AS decided_unix_us,
    attempt,
    hedge_index,
    kind,
    budget_name,
    cost,
    mode,
    allowed,
    reason,
    level_after
FROM budget_decisions
WHERE
    call_id = $call_id
    -- Files are sorted by key and time, so that these two find the rows to read.
    AND key = $key
    AND decided_at >= make_timestamp($started_us::BIGINT)
ORDER BY decided_at, attempt, hedge_index
