-- The process that lost most calls of an incident, and how many the others lost: one row.
-- Parameters: those of members.sql, $keys (a list), $onset_us, $offset_us, $instance.
SELECT
    coalesce(sum(sample_weight) FILTER (WHERE lost AND instance = $instance), 0)::BIGINT AS lost,
    coalesce(sum(sample_weight) FILTER (WHERE lost), 0)::BIGINT AS of_lost,
    coalesce(sum(sample_weight) FILTER (WHERE instance = $instance), 0)::BIGINT AS calls,
    coalesce(sum(sample_weight), 0)::BIGINT AS of_calls
FROM members
WHERE list_contains($keys::VARCHAR[], key) AND member_us >= $onset_us AND member_us < $offset_us
