-- What budgets said to retries of one key, process by process, in the recorded order.
-- Parameters: $start_us, $end_us (half-open), $key.
SELECT
    b.instance,
    b.budget_name,
    epoch_us(b.decided_at) AS decided_us,
    b.call_id,
    b.attempt,
    b.cost,
    b.allowed,
    b.level_after
FROM budget_decisions AS b
WHERE
    b.decided_at >= make_timestamp($start_us::BIGINT)
    AND b.decided_at < make_timestamp($end_us::BIGINT)
    AND b.key = $key
    AND b.kind = 'retry'
ORDER BY b.instance, b.decided_at, b.call_id, b.attempt
