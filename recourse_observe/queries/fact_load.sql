-- What was asked of the keys of an incident, before it and during it: one row.
-- Parameters: those of members.sql, $keys (a list), $onset_us, $offset_us.
SELECT
    coalesce(sum(sample_weight) FILTER (WHERE member_us >= $onset_us), 0)::BIGINT AS calls,
    ($offset_us - $onset_us) / 1e6 AS seconds,
    coalesce(sum(sample_weight) FILTER (WHERE member_us < $onset_us), 0)::BIGINT AS calls_before,
    ($onset_us - $start_us) / 1e6 AS seconds_before
FROM members
WHERE list_contains($keys::VARCHAR[], key) AND member_us < $offset_us
