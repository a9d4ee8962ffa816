-- How long attempts took on the keys of an incident, before it and during it: one row.
-- Parameters: those of members.sql, $keys (a list), $onset_us, $offset_us.
SELECT
    quantile_disc(a.duration_us, 0.5) FILTER (WHERE m.member_us < $onset_us) AS p50_before_us,
    quantile_disc(a.duration_us, 0.5) FILTER (WHERE m.member_us >= $onset_us) AS p50_us,
    quantile_disc(a.duration_us, 0.99) FILTER (WHERE m.member_us < $onset_us) AS p99_before_us,
    quantile_disc(a.duration_us, 0.99) FILTER (WHERE m.member_us >= $onset_us) AS p99_us,
    max(a.timeout_us) FILTER (WHERE m.member_us >= $onset_us) AS timeout_us
FROM members AS m
INNER JOIN attempts AS a ON m.call_id = a.call_id
WHERE a.ran AND list_contains($keys::VARCHAR[], m.key) AND m.member_us < $offset_us
