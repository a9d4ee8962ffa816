-- What the budgets decided for one call, in order.
-- Parameters: $call_id.
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
WHERE call_id = $call_id
ORDER BY decided_at, attempt, hedge_index
