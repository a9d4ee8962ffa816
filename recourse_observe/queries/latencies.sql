-- How long attempts took, per bucket: counts by power of two of the microseconds.
-- Parameters: those of members.sql, $bucket_us, $origin_us.
SELECT
    m.key,
    (m.member_us - $origin_us) // $bucket_us AS bucket,
    $origin_us + ((m.member_us - $origin_us) // $bucket_us) * $bucket_us AS start_unix_us,
    floor(log2(greatest(a.duration_us, 1)))::INTEGER AS power,
    count(*) AS attempts
FROM members AS m
INNER JOIN attempts AS a ON m.call_id = a.call_id
WHERE a.ran
GROUP BY ALL
ORDER BY m.key, bucket, power
