-- What callers lost on the keys of an incident, before it and during it: one row.
-- Parameters: those of members.sql, $keys (a list), $onset_us, $offset_us.
SELECT
    coalesce(sum(sample_weight) FILTER (
        WHERE member_us >= $onset_us AND member_us < $offset_us
    ), 0)::BIGINT AS calls,
    coalesce(sum(sample_weight) FILTER (
        WHERE lost AND member_us >= $onset_us AND member_us < $offset_us
    ), 0)::BIGINT AS lost,
    coalesce(sum(sample_weight) FILTER (WHERE member_us < $onset_us), 0)::BIGINT AS calls_before,
    coalesce(sum(sample_weight) FILTER (WHERE lost AND member_us < $onset_us), 0)::BIGINT
        AS lost_before,
    count(DISTINCT instance) FILTER (
        WHERE lost AND member_us >= $onset_us AND member_us < $offset_us
    ) AS processes_hit,
    count(DISTINCT instance) FILTER (
        WHERE member_us >= $onset_us AND member_us < $offset_us
    ) AS processes
FROM members
WHERE list_contains($keys::VARCHAR[], key)
