-- How attempts of some keys ended before, during and after an incident.
-- Parameters: those of members.sql, $onset_us, $offset_us, $keys (a list), $quick_us (a failure
-- faster than that was not slow), $shed_us (faster than that it was no work).
SELECT
    CASE
        WHEN m.member_us < $onset_us THEN 'before'
        WHEN m.member_us < $offset_us THEN 'during'
        ELSE 'after'
    END AS phase,
    a.instance,
    coalesce(a.peer, '') AS peer,
    CASE
        WHEN a.is_hedge THEN 'hedge'
        WHEN a.attempt > 0 THEN 'retry'
        ELSE 'first'
    END AS kind,
    a.outcome,
    a.reason,
    coalesce(a.status, 0) AS status,
    coalesce(a.duration_us >= 0.97 * a.timeout_us, FALSE) AS at_limit,
    a.duration_us < $quick_us AS quick,
    a.duration_us < $shed_us AS shed,
    a.retry_after_us IS NOT NULL AS hinted,
    m.lost,
    sum(m.sample_weight)::BIGINT AS attempts
FROM members AS m
INNER JOIN attempts AS a ON m.call_id = a.call_id
WHERE a.ran AND list_contains($keys::VARCHAR[], m.key)
GROUP BY ALL
ORDER BY ALL
