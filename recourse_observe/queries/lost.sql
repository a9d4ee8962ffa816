-- Lost calls of all keys over time: one row for each bucket in which a call was made or lost.
-- Parameters: those of members.sql, $bucket_us, $origin_us (where the first bucket starts).
WITH lost_calls AS (
    SELECT
        (member_us - $origin_us) // $bucket_us AS bucket,
        sum(sample_weight)::BIGINT AS lost
    FROM members
    WHERE lost
    GROUP BY bucket
),

made AS (
    SELECT DISTINCT (epoch_us(started_at) - $origin_us) // $bucket_us AS bucket
    FROM calls
    WHERE
        started_at >= make_timestamp($start_us::BIGINT)
        AND started_at < make_timestamp($end_us::BIGINT)
)

SELECT
    coalesce(made.bucket, lost_calls.bucket) AS bucket,
    coalesce(lost_calls.lost, 0) AS lost
FROM made
FULL OUTER JOIN lost_calls ON made.bucket = lost_calls.bucket
ORDER BY bucket
