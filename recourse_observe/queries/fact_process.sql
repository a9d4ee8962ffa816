-- The process that lost most calls of an incident, and how many the others lost: one row.
-- Parameters: those of members.sql, $keys (a list), $onset_us, $offset_us, $instance.
SELECT
    count(*) FILTER (WHERE lost AND instance = $instance) AS lost,
    count(*) FILTER (WHERE lost) AS of_lost,
    count(*) FILTER (WHERE instance = $instance) AS calls,
    count(*) AS of_calls
FROM members
WHERE list_contains($keys::VARCHAR[], key) AND member_us >= $onset_us AND member_us < $offset_us
