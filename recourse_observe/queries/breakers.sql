-- The worst state in which any process left a key's breaker at the end of a scope.
-- Parameters: $end_us, $key (empty: every key).
SELECT
    key,
    arg_max(to_state, rank) AS state
FROM (
    SELECT
        key,
        arg_max(to_state, (changed_at, generation)) AS to_state,
        CASE arg_max(to_state, (changed_at, generation))
            WHEN 'isolated' THEN 4
            WHEN 'open' THEN 3
            WHEN 'half_open' THEN 2
            WHEN 'closed' THEN 1
            ELSE 0
        END AS rank
    FROM circuit_transitions
    WHERE changed_at < make_timestamp($end_us::BIGINT) AND ($key = '' OR key = $key)
    GROUP BY key, service, instance
) AS processes
GROUP BY key
ORDER BY key
