-- Stretches in which nothing at all was recorded, neither a call nor a heartbeat, longest first.
-- Parameters: $least_us (shorter ones are left out).
SELECT
    before_us AS start_unix_us,
    moment_us AS end_unix_us
FROM (
    SELECT
        moment_us,
        lag(ended_us) OVER (ORDER BY moment_us, ended_us) AS before_us
    FROM (
        SELECT
            min(started_us) AS moment_us,
            max(ended_us) AS ended_us
        FROM (
            SELECT
                epoch_us(started_at) AS started_us,
                epoch_us(greatest(started_at, ended_at)) AS ended_us
            FROM calls
            UNION ALL
            SELECT
                epoch_us(recorded_at) AS started_us,
                epoch_us(recorded_at) AS ended_us
            FROM recorder
        ) AS activity
        GROUP BY started_us // 1000000
    ) AS seconds
) AS steps
WHERE moment_us - before_us >= $least_us
ORDER BY moment_us - before_us DESC, start_unix_us ASC
LIMIT 20
