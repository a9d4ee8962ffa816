-- How the keys of an incident fared after it: one row.
-- Parameters: those of members.sql, $keys (a list), $offset_us.
SELECT
    coalesce(sum(sample_weight), 0)::BIGINT AS calls,
    coalesce(sum(sample_weight) FILTER (WHERE lost), 0)::BIGINT AS lost,
    coalesce(sum(attempts_run * sample_weight), 0)::BIGINT AS attempts,
    coalesce(sum(sample_weight) FILTER (WHERE attempts_run > 0), 0)::BIGINT AS admitted
FROM members
WHERE list_contains($keys::VARCHAR[], key) AND member_us >= $offset_us
