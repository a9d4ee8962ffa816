-- The attempts of the calls of one key that ran or were denied, in launch order.
-- Parameters: those of members.sql.
SELECT
    a.call_id,
    a.attempt,
    a.hedge_index,
    a.ran,
    epoch_us(a.started_at) AS started_us,
    a.duration_us,
    a.outcome,
    a.reason,
    a.retry_after_us,
    a.timeout_us,
    a.budget_name
FROM attempts AS a
INNER JOIN members AS m ON a.call_id = m.call_id
ORDER BY a.started_at, a.call_id, a.attempt, a.hedge_index
