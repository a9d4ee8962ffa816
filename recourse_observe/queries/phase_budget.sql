-- What budgets decided for some keys before, during and after an incident, and why.
-- Parameters: $start_us, $end_us (half-open), $onset_us, $offset_us, $keys (a list).
SELECT
    CASE
        WHEN decided_at < make_timestamp($onset_us::BIGINT) THEN 'before'
        WHEN decided_at < make_timestamp($offset_us::BIGINT) THEN 'during'
        ELSE 'after'
    END AS phase,
    kind,
    budget_name,
    allowed,
    reason,
    count(*) AS decisions
FROM budget_decisions
WHERE
    decided_at >= make_timestamp($start_us::BIGINT)
    AND decided_at < make_timestamp($end_us::BIGINT)
    AND list_contains($keys::VARCHAR[], key)
GROUP BY ALL
ORDER BY ALL
