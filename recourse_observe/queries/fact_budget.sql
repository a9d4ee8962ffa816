-- What budgets decided about the calls of an incident: one row.
-- Parameters: those of members.sql, $keys (a list), $onset_us, $offset_us.
SELECT
    count(*) FILTER (WHERE b.kind = 'retry') AS asked,
    count(*) FILTER (WHERE b.kind = 'retry' AND NOT b.allowed) AS denied,
    count(*) FILTER (WHERE b.kind = 'hedge') AS hedges_asked,
    count(*) FILTER (WHERE b.kind = 'hedge' AND NOT b.allowed) AS hedges_denied,
    count(*) FILTER (
        WHERE b.reason IN ('budget_not_found', 'budget_registry_missing', 'budget_nil')
    ) AS missing,
    coalesce(
        arg_max(b.budget_name, (NOT b.allowed, b.budget_name)), ''
    ) AS budget_name,
    count(DISTINCT b.budget_name) AS budgets,
    epoch_us(min(b.decided_at) FILTER (WHERE NOT b.allowed)) AS first_denied_us
FROM members AS m
INNER JOIN budget_decisions AS b ON m.call_id = b.call_id
WHERE
    list_contains($keys::VARCHAR[], m.key)
    AND m.member_us >= $onset_us
    AND m.member_us < $offset_us
