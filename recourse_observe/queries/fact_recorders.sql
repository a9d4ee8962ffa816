-- What the recorders say of themselves: one row.
-- Parameters: none.
SELECT
    coalesce(sum(heartbeats), 0)::BIGINT AS heartbeats,
    coalesce(sum(dropped_events), 0)::BIGINT AS dropped_events
FROM (
    SELECT
        count(*) FILTER (WHERE event = 'heartbeat') AS heartbeats,
        -- Every row of a writer tells the sum so far.
        max(dropped_events) AS dropped_events
    FROM recorder
    GROUP BY instance
) AS writers
