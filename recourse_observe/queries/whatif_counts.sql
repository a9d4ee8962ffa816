-- How many calls of one key began in each ten seconds: exact, whatever was left out of a sample.
-- Parameters: $start_us, $end_us (half-open, of buckets), $key.
SELECT
    epoch_us(bucket_at) AS start_unix_us,
    sum(calls)::BIGINT AS calls
FROM rollups
WHERE
    bucket_at >= make_timestamp($start_us::BIGINT)
    AND bucket_at < make_timestamp($end_us::BIGINT)
    AND key = $key
GROUP BY bucket_at
ORDER BY start_unix_us
