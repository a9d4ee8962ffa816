-- The calls of a scope by shape: the sequence of what happened in them, the most frequent first.
-- Parameters: those of members.sql, $limit.
SELECT
    shape,
    disposition,
    sum(weight)::BIGINT AS calls,
    sum(sum(weight)) OVER ()::BIGINT AS of_calls,
    quantile_disc(duration_us, 0.5) AS p50_us,
    arg_min(call_id, (member_us, call_id)) AS example,
    count(*) OVER () AS shapes
FROM (
    SELECT
        m.call_id,
        m.member_us,
        m.disposition,
        m.duration_us,
        m.sample_weight AS weight,
        coalesce(a.steps, 'no attempt') AS shape
    FROM members AS m
    LEFT JOIN (
        SELECT
            call_id,
            string_agg(
                CASE
                    WHEN NOT ran THEN 'denied'
                    WHEN is_hedge THEN 'hedge ' || reason
                    ELSE reason
                END, ' → '
                ORDER BY attempt, hedge_index
            ) AS steps
        FROM attempts
        GROUP BY call_id
    ) AS a ON m.call_id = a.call_id
) AS shaped
GROUP BY shape, disposition
ORDER BY calls DESC, shape ASC, disposition ASC
LIMIT $limit
