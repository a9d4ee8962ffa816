-- The calls of one key as they were made and as they ended, in the order of their making.
-- Each is placed where every other count places it, so that a call on an incident's first
-- microsecond is in it here, too.
-- Parameters: those of members.sql.
SELECT
    m.call_id,
    m.instance,
    m.policy_version,
    m.member_us AS started_us,
    m.duration_us,
    c.deadline_us,
    m.lost,
    m.disposition,
    m.attempts_run,
    m.retries,
    m.hedges,
    m.success AND m.retries > 0 AS rescued,
    m.sample_weight
FROM members AS m
INNER JOIN calls AS c ON m.call_id = c.call_id
ORDER BY m.member_us, m.call_id
