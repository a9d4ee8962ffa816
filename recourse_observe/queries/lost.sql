-- Lost calls of all keys over time: one row for each bucket in which a call was made.
-- It is for a picture, so a call stands where it began.
-- Parameters: $start_us, $end_us (half-open), $bucket_us, $origin_us (where the first one starts).
SELECT
    (epoch_us(started_at) - $origin_us) // $bucket_us AS bucket,
    coalesce(
        sum(coalesce(sample_weight, 1)) FILTER (
            WHERE NOT success AND disposition <> 'unfinished'
        ), 0
    )::BIGINT AS lost
FROM calls
WHERE
    started_at >= make_timestamp($start_us::BIGINT)
    AND started_at < make_timestamp($end_us::BIGINT)
GROUP BY bucket
ORDER BY bucket
