-- How long attempts and calls of some keys took before, during and after an incident.
-- Parameters: those of members.sql, $onset_us, $offset_us, $keys (a list).
SELECT
    CASE
        WHEN m.member_us < $onset_us THEN 'before'
        WHEN m.member_us < $offset_us THEN 'during'
        ELSE 'after'
    END AS phase,
    quantile_disc(a.duration_us, 0.5) FILTER (WHERE a.outcome = 'success') AS p50_us,
    quantile_disc(a.duration_us, 0.99) FILTER (WHERE a.outcome = 'success') AS p99_us,
    quantile_disc(a.duration_us, 0.5) FILTER (
        WHERE a.outcome = 'cancelled' AND m.disposition = 'cancelled'
    ) AS cancelled_p50_us,
    quantile_disc(a.timeout_us, 0.5) AS timeout_us
FROM members AS m
INNER JOIN attempts AS a ON m.call_id = a.call_id
WHERE a.ran AND list_contains($keys::VARCHAR[], m.key)
GROUP BY ALL
ORDER BY ALL
