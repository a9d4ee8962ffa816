-- All that an archive holds, for a story without incidents: one row.
-- Parameters: those of members.sql.
SELECT
    coalesce(sum(sample_weight), 0)::BIGINT AS calls,
    coalesce(sum(sample_weight) FILTER (WHERE lost), 0)::BIGINT AS lost,
    coalesce(sum(sample_weight) FILTER (WHERE success AND retries > 0), 0)::BIGINT AS rescued,
    count(DISTINCT key) AS distinct_keys,
    count(DISTINCT instance) AS processes
FROM members
