-- What the recorders say of themselves: one row.
-- Parameters: none.
SELECT
    count(*) FILTER (WHERE event = 'heartbeat') AS heartbeats,
    coalesce(sum(dropped_events) FILTER (WHERE event = 'dropped'), 0)::BIGINT AS dropped_events
FROM recorder
