-- Why the attempts of a scope ended as they did, per bucket, the most frequent first.
-- Parameters: those of members.sql, $bucket_us, $origin_us.
SELECT
    m.key,
    (m.member_us - $origin_us) // $bucket_us AS bucket,
    $origin_us + ((m.member_us - $origin_us) // $bucket_us) * $bucket_us AS start_unix_us,
    a.outcome,
    a.reason,
    count(*) AS attempts
FROM members AS m
INNER JOIN attempts AS a ON m.call_id = a.call_id
WHERE a.ran
GROUP BY ALL
ORDER BY m.key ASC, bucket ASC, attempts DESC, a.reason ASC
