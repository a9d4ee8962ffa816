-- How the keys of an incident fared after it: one row.
-- Parameters: those of members.sql, $keys (a list), $offset_us.
SELECT
    count(*) AS calls,
    count(*) FILTER (WHERE lost) AS lost,
    coalesce(sum(attempts_run), 0)::BIGINT AS attempts,
    count(*) FILTER (WHERE attempts_run > 0) AS admitted
FROM members
WHERE list_contains($keys::VARCHAR[], key) AND member_us >= $offset_us
