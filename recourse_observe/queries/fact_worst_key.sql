-- The key that lost the greatest part of its calls: one row, or none.
-- Parameters: those of members.sql.
SELECT
    key AS policy_key,
    sum(sample_weight)::BIGINT AS calls,
    coalesce(sum(sample_weight) FILTER (WHERE lost), 0)::BIGINT AS lost
FROM members
GROUP BY key
HAVING count(*) FILTER (WHERE lost) > 0
ORDER BY
    sum(sample_weight) FILTER (WHERE lost) / sum(sample_weight) DESC,
    key ASC
LIMIT 1
