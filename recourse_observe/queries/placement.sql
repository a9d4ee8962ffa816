-- How the attempts of a scope failed by where they went and where they came from.
-- Parameters: those of members.sql, $limit (values of each dimension).
WITH sorted AS (
    SELECT
        CASE
            WHEN grouping(a.peer) = 0 THEN 'peer'
            WHEN grouping(m.instance) = 0 THEN 'instance'
            WHEN grouping(m.region) = 0 THEN 'region'
            WHEN grouping(m.service) = 0 THEN 'service'
            WHEN grouping(m.method) = 0 THEN 'method'
        END AS dimension,
        coalesce(a.peer, m.instance, m.region, m.service, m.method) AS entry,
        sum(m.sample_weight)::BIGINT AS attempts,
        coalesce(sum(m.sample_weight) FILTER (
            WHERE a.outcome IN ('retryable', 'non_retryable', 'abort')
        ), 0)::BIGINT AS failed
    FROM members AS m
    INNER JOIN attempts AS a ON m.call_id = a.call_id
    WHERE a.ran
    GROUP BY GROUPING SETS ((a.peer), (m.instance), (m.region), (m.service), (m.method))
)

SELECT
    dimension,
    entry,
    attempts,
    failed
FROM sorted
QUALIFY row_number() OVER (PARTITION BY dimension ORDER BY attempts DESC, entry ASC) <= $limit
ORDER BY dimension ASC, attempts DESC, entry ASC
