-- What budgets decided over time: one row for each bucket and budget that was asked.
-- Parameters: $start_us, $end_us (half-open), $key (empty: every key), $bucket_us, $origin_us.
SELECT
    key,
    budget_name,
    (epoch_us(decided_at) - $origin_us) // $bucket_us AS bucket,
    $origin_us + ((epoch_us(decided_at) - $origin_us) // $bucket_us) * $bucket_us AS start_unix_us,
    count(*) FILTER (WHERE allowed) AS allowed,
    count(*) FILTER (WHERE NOT allowed) AS denied,
    min(level_after) AS lowest_level
FROM budget_decisions
WHERE
    decided_at >= make_timestamp($start_us::BIGINT)
    AND decided_at < make_timestamp($end_us::BIGINT)
    AND ($key = '' OR key = $key)
GROUP BY ALL
ORDER BY key, budget_name, bucket
