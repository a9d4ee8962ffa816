-- Changes of breakers in a scope, oldest first.
-- Parameters: $start_us, $end_us (half-open), $key (empty: every key).
SELECT
    epoch_us(changed_at) AS changed_unix_us,
    key,
    instance,
    from_state,
    to_state,
    cause,
    generation,
    call_id
FROM circuit_transitions
WHERE
    changed_at >= make_timestamp($start_us::BIGINT)
    AND changed_at < make_timestamp($end_us::BIGINT)
    AND ($key = '' OR key = $key)
ORDER BY changed_at, key, instance, generation
