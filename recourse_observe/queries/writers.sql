-- What is known of each writer: when it was first and last heard, whether it closed, what it lost.
-- Parameters: $start_us, $end_us (half-open): writers that were heard of in between.
WITH heard AS (
    SELECT
        service,
        instance,
        min(recorded_at) AS first_at,
        max(recorded_at) AS last_at,
        bool_or(event = 'closed') AS is_closed,
        -- Every row tells the sum so far.
        max(dropped_events) AS dropped_events,
        max(
            CASE
                WHEN json_valid(detail)
                    THEN try_cast(json_extract_string(detail, 'flush_ms') AS DOUBLE)
            END
        ) AS flush_ms
    FROM recorder
    GROUP BY ALL
),

made AS (
    SELECT
        service,
        instance,
        min(started_at) AS first_at,
        max(ended_at) AS last_at,
        count(*) FILTER (WHERE disposition = 'unfinished') AS unfinished,
        max(sample_weight) AS sample_weight
    FROM calls
    GROUP BY ALL
)

SELECT
    coalesce(h.service, m.service) AS service,
    coalesce(h.instance, m.instance) AS instance,
    epoch_us(least(h.first_at, m.first_at)) AS first_unix_us,
    epoch_us(greatest(h.last_at, m.last_at)) AS last_unix_us,
    h.instance IS NOT NULL AS is_heard,
    coalesce(h.is_closed, FALSE) AS is_closed,
    coalesce(h.dropped_events, 0) AS dropped_events,
    h.flush_ms,
    coalesce(m.unfinished, 0) AS unfinished,
    coalesce(m.sample_weight, 1) AS sample_weight
FROM heard AS h
FULL OUTER JOIN made AS m
    ON h.instance = m.instance AND h.service = m.service
WHERE
    least(h.first_at, m.first_at) < make_timestamp($end_us::BIGINT)
    AND greatest(h.last_at, m.last_at) >= make_timestamp($start_us::BIGINT)
ORDER BY first_unix_us, instance
