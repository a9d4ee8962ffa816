-- How the keys that an incident left alone fared during it: one row.
-- Parameters: those of members.sql, $affected (a list of keys), $onset_us, $offset_us.
SELECT
    count(*) AS other_keys,
    coalesce(sum(calls), 0)::BIGINT AS calls,
    coalesce(sum(lost), 0)::BIGINT AS lost
FROM (
    SELECT
        key,
        sum(sample_weight)::BIGINT AS calls,
        coalesce(sum(sample_weight) FILTER (WHERE lost), 0)::BIGINT AS lost
    FROM members
    WHERE
        NOT list_contains($affected::VARCHAR[], key)
        AND member_us >= $onset_us
        AND member_us < $offset_us
    GROUP BY key
) AS keys_left_alone
