-- The sixty seconds of an incident, counted from its onset, that lost most: one row.
-- Parameters: those of members.sql, $keys (a list), $onset_us, $offset_us.
SELECT
    $onset_us + ((member_us - $onset_us) // 60000000) * 60000000 AS minute_us,
    sum(sample_weight)::BIGINT AS calls,
    coalesce(sum(sample_weight) FILTER (WHERE lost), 0)::BIGINT AS lost
FROM members
WHERE list_contains($keys::VARCHAR[], key) AND member_us >= $onset_us AND member_us < $offset_us
GROUP BY minute_us
ORDER BY lost DESC, minute_us ASC
LIMIT 1
