-- What an archive covers: one row.
-- Parameters: none.
WITH made AS (
    SELECT
        epoch_us(min(started_at)) AS first_us,
        epoch_us(max(greatest(started_at, ended_at))) AS last_us,
        coalesce(sum(sample_weight), 0)::BIGINT AS calls,
        count(*) FILTER (WHERE disposition = 'unfinished') AS unfinished,
        count(DISTINCT key) AS distinct_keys,
        count(DISTINCT instance) AS instances,
        count(*) FILTER (WHERE sample_weight > 1) AS sampled
    FROM calls
),

heard AS (
    SELECT
        epoch_us(min(first_at)) AS first_us,
        epoch_us(max(last_at)) AS last_us,
        coalesce(sum(dropped_events), 0)::BIGINT AS dropped_events
    FROM (
        SELECT
            min(recorded_at) AS first_at,
            max(recorded_at) AS last_at,
            -- Every row of a writer tells the sum so far.
            max(dropped_events) AS dropped_events
        FROM recorder
        GROUP BY instance
    ) AS writers
),

tried AS (SELECT count(*) AS attempts FROM attempts)

SELECT
    coalesce(made.first_us, heard.first_us) AS first_unix_us,
    coalesce(made.last_us, heard.last_us) AS last_unix_us,
    made.calls,
    made.unfinished,
    made.distinct_keys,
    made.instances,
    made.sampled,
    tried.attempts,
    heard.dropped_events
FROM made CROSS JOIN heard CROSS JOIN tried
