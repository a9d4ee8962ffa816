-- How calls ended before, during and after an incident, per key, process and disposition.
-- Parameters: those of members.sql, $onset_us, $offset_us (where the incident ends).
SELECT
    CASE
        WHEN m.member_us < $onset_us THEN 'before'
        WHEN m.member_us < $offset_us THEN 'during'
        ELSE 'after'
    END AS phase,
    m.key,
    m.instance,
    m.disposition,
    m.policy_source,
    sum(m.sample_weight)::BIGINT AS calls,
    sum(m.attempts_run * m.sample_weight)::BIGINT AS attempts,
    coalesce(sum(m.sample_weight) FILTER (WHERE m.attempts_run > 0), 0)::BIGINT AS admitted,
    sum(m.retries * m.sample_weight)::BIGINT AS retries,
    sum(m.hedges * m.sample_weight)::BIGINT AS hedges,
    coalesce(sum(m.sample_weight) FILTER (WHERE m.success AND m.retries > 0), 0)::BIGINT AS rescued,
    coalesce(sum(m.sample_weight) FILTER (WHERE m.lost), 0)::BIGINT AS lost_calls
FROM members AS m
GROUP BY ALL
ORDER BY ALL
