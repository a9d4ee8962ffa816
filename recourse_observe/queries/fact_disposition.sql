-- How most of the lost calls of an incident ended: one row, or none.
-- Parameters: those of members.sql, $keys (a list), $onset_us, $offset_us.
SELECT
    disposition,
    sum(sample_weight)::BIGINT AS calls,
    sum(sum(sample_weight)) OVER ()::BIGINT AS of_calls
FROM members
WHERE
    lost
    AND list_contains($keys::VARCHAR[], key)
    AND member_us >= $onset_us
    AND member_us < $offset_us
GROUP BY disposition
ORDER BY calls DESC, disposition ASC
LIMIT 1
