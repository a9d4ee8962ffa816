-- Keys whose calls ended in a scope as those of some keys did: denied by the same budgets, given up
-- by their callers, or without a policy; a few are enough where there was none before.
-- Parameters: those of members.sql, $keys (a list), $onset_us, $fewest.
WITH ended AS (
    SELECT
        m.key,
        m.disposition,
        m.member_us >= $onset_us AS inside,
        coalesce(b.budget_name, '') AS budget_name
    FROM members AS m
    LEFT JOIN budget_decisions AS b ON m.call_id = b.call_id AND NOT b.allowed
    WHERE m.lost AND m.disposition IN ('budget_denied', 'cancelled', 'policy_denied')
),

marks AS (
    SELECT
        disposition,
        budget_name,
        count(*) AS calls
    FROM ended
    WHERE inside AND list_contains($keys::VARCHAR[], key)
    GROUP BY ALL
    HAVING count(*) >= $fewest
),

counted AS (
    SELECT
        ended.key AS policy_key,
        count(*) FILTER (WHERE ended.inside) AS calls,
        count(*) FILTER (WHERE NOT ended.inside) AS calls_before
    FROM ended
    INNER JOIN marks
        ON ended.disposition = marks.disposition AND ended.budget_name = marks.budget_name
    WHERE NOT list_contains($keys::VARCHAR[], ended.key)
    GROUP BY ended.key
)

SELECT
    policy_key,
    calls,
    calls_before
FROM counted
WHERE calls >= $fewest AND 4 * calls_before <= calls
ORDER BY policy_key
