-- The key that lost the greatest part of its calls: one row, or none.
-- Parameters: those of members.sql.
SELECT
    key AS policy_key,
    count(*) AS calls,
    count(*) FILTER (WHERE lost) AS lost
FROM members
GROUP BY key
HAVING count(*) FILTER (WHERE lost) > 0
ORDER BY count(*) FILTER (WHERE lost) / count(*) DESC, key ASC
LIMIT 1
