-- What the budgets of the keys of an incident decided during it: one row.
-- Parameters: those of members.sql, $keys (a list), $onset_us, $offset_us.
SELECT
    count(*) AS asked,
    count(*) FILTER (WHERE NOT allowed) AS denied,
    count(*) FILTER (
        WHERE reason IN ('budget_not_found', 'budget_registry_missing', 'budget_nil')
    ) AS missing,
    coalesce(mode(budget_name), '') AS budget_name,
    epoch_us(min(decided_at) FILTER (WHERE NOT allowed)) AS first_denied_us
FROM budget_decisions
WHERE
    list_contains($keys::VARCHAR[], key)
    AND epoch_us(decided_at) >= $onset_us
    AND epoch_us(decided_at) < $offset_us
