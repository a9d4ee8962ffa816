-- All that an archive holds, for a story without incidents: one row.
-- Parameters: those of members.sql.
SELECT
    count(*) AS calls,
    count(*) FILTER (WHERE lost) AS lost,
    count(*) FILTER (WHERE success AND retries > 0) AS rescued,
    count(DISTINCT key) AS distinct_keys,
    count(DISTINCT instance) AS processes
FROM members
