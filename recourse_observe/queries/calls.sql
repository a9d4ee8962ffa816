-- The calls of a scope, with how many there are in all.
-- Parameters: those of members.sql, $sort (start, total, attempts, retries, hedges), $sign (1, -1),
-- $limit, $offset.
SELECT
    m.call_id,
    m.key,
    m.instance,
    m.member_us AS started_unix_us,
    m.duration_us,
    m.success,
    m.disposition,
    m.final_outcome,
    m.final_reason,
    m.attempts_run,
    m.retries,
    m.hedges,
    m.policy_id,
    m.policy_version,
    m.error_type,
    count(*) OVER () AS total
FROM members AS m
ORDER BY
    $sign * CASE $sort
        WHEN 'total' THEN m.duration_us
        WHEN 'attempts' THEN m.attempts_run
        WHEN 'retries' THEN m.retries
        WHEN 'hedges' THEN m.hedges
        ELSE m.member_us
    END,
    m.member_us,
    m.call_id
LIMIT $limit OFFSET $offset
