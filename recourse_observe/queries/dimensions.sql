-- Attempts of a scope by the values of each dimension, the most frequent value of each first.
-- Parameters: those of members.sql, $limit (values of each dimension).
WITH sorted AS (
    SELECT
        CASE
            WHEN grouping(a.reason) = 0 THEN 'reason'
            WHEN grouping(a.attempt) = 0 THEN 'attempt'
            WHEN grouping(a.status) = 0 THEN 'status'
            WHEN grouping(a.peer) = 0 THEN 'peer'
            WHEN grouping(a.policy_version) = 0 THEN 'policy'
            WHEN grouping(m.disposition) = 0 THEN 'disposition'
            WHEN grouping(m.instance) = 0 THEN 'instance'
            WHEN grouping(m.region) = 0 THEN 'region'
            WHEN grouping(m.method) = 0 THEN 'method'
            WHEN grouping(m.error_type) = 0 THEN 'error'
            WHEN grouping(a.outcome) = 0 THEN 'outcome'
            WHEN grouping(a.cancel_reason) = 0 THEN 'cancelled'
            WHEN grouping(a.is_hedge) = 0 THEN 'hedge'
            WHEN grouping(m.policy_source) = 0 THEN 'source'
            WHEN grouping(m.service) = 0 THEN 'service'
        END AS dimension,
        coalesce(
            a.reason, a.attempt::VARCHAR, a.status::VARCHAR, a.peer, a.policy_version,
            m.disposition, m.instance, m.region, m.method, m.error_type,
            a.outcome, a.cancel_reason, a.is_hedge::VARCHAR, m.policy_source, m.service
        ) AS entry,
        sum(m.sample_weight)::BIGINT AS attempts
    FROM members AS m
    INNER JOIN attempts AS a ON m.call_id = a.call_id
    WHERE a.ran
    GROUP BY GROUPING SETS (
        (a.reason), (a.attempt), (a.status), (a.peer), (a.policy_version),
        (m.disposition), (m.instance), (m.region), (m.method), (m.error_type),
        (a.outcome), (a.cancel_reason), (a.is_hedge), (m.policy_source), (m.service)
    )
)

SELECT
    dimension,
    entry,
    attempts,
    sum(attempts) OVER (PARTITION BY dimension)::BIGINT AS of_attempts,
    count(*) OVER (PARTITION BY dimension) AS distinct_entries
FROM sorted
QUALIFY row_number() OVER (PARTITION BY dimension ORDER BY attempts DESC, entry ASC) <= $limit
ORDER BY dimension ASC, attempts DESC, entry ASC
