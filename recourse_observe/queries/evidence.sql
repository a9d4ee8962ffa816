-- Rows that show an incident: of each table a few, spread over its length.
-- An attempt is slow that takes twice as long as 99 of 100 did before.
-- Parameters: those of members.sql, $keys (a list), $onset_us, $offset_us.
WITH involved AS MATERIALIZED (
    SELECT *
    FROM members
    WHERE
        list_contains($keys::VARCHAR[], key) AND member_us >= $onset_us AND member_us < $offset_us
),

usual AS (
    SELECT quantile_disc(a.duration_us, 0.99) AS p99_us
    FROM members AS m
    INNER JOIN attempts AS a ON m.call_id = a.call_id
    WHERE
        a.ran
        AND a.outcome = 'success'
        AND list_contains($keys::VARCHAR[], m.key)
        AND m.member_us < $onset_us
),

shown AS (
    SELECT
        'attempts' AS of_table,
        'failed' AS what,
        a.call_id,
        a.attempt,
        a.hedge_index,
        epoch_us(a.started_at) AS at_us,
        a.key,
        a.instance,
        a.reason AS detail
    FROM involved AS m
    INNER JOIN attempts AS a ON m.call_id = a.call_id
    WHERE a.ran AND a.outcome IN ('retryable', 'non_retryable', 'abort')
    UNION ALL
    SELECT
        'attempts' AS of_table,
        'slow' AS what,
        a.call_id,
        a.attempt,
        a.hedge_index,
        epoch_us(a.started_at) AS at_us,
        a.key,
        a.instance,
        a.reason AS detail
    FROM involved AS m
    INNER JOIN attempts AS a ON m.call_id = a.call_id
    CROSS JOIN usual AS u
    WHERE a.ran AND a.outcome = 'success' AND a.duration_us >= 2 * nullif(u.p99_us, 0)
    UNION ALL
    SELECT
        'attempts' AS of_table,
        'rescued' AS what,
        a.call_id,
        a.attempt,
        a.hedge_index,
        epoch_us(a.started_at) AS at_us,
        a.key,
        a.instance,
        a.reason AS detail
    FROM involved AS m
    INNER JOIN attempts AS a ON m.call_id = a.call_id
    WHERE m.success AND a.attempt > 0 AND a.outcome = 'success'
    UNION ALL
    SELECT
        'calls' AS of_table,
        'lost' AS what,
        m.call_id,
        NULL AS attempt,
        NULL AS hedge_index,
        m.member_us AS at_us,
        m.key,
        m.instance,
        m.disposition AS detail
    FROM involved AS m
    WHERE m.lost
    UNION ALL
    SELECT
        'budget_decisions' AS of_table,
        'denied' AS what,
        b.call_id,
        b.attempt,
        b.hedge_index,
        epoch_us(b.decided_at) AS at_us,
        b.key,
        b.instance,
        b.reason AS detail
    FROM involved AS m
    INNER JOIN budget_decisions AS b ON m.call_id = b.call_id
    WHERE NOT b.allowed
    UNION ALL
    SELECT
        'hedges' AS of_table,
        'spawned' AS what,
        h.call_id,
        h.attempt,
        h.hedge_index,
        epoch_us(h.spawned_at) AS at_us,
        h.key,
        h.instance,
        h.result AS detail
    FROM involved AS m
    INNER JOIN hedges AS h ON m.call_id = h.call_id
    UNION ALL
    SELECT
        'circuit_transitions' AS of_table,
        'changed' AS what,
        c.call_id,
        NULL AS attempt,
        NULL AS hedge_index,
        epoch_us(c.changed_at) AS at_us,
        c.key,
        c.instance,
        c.to_state AS detail
    FROM circuit_transitions AS c
    WHERE
        list_contains($keys::VARCHAR[], c.key)
        AND epoch_us(c.changed_at) >= $onset_us
        AND epoch_us(c.changed_at) < $offset_us
),

alike AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY of_table, what, detail ORDER BY at_us, call_id, attempt, hedge_index
        ) AS place,
        count(*) OVER (PARTITION BY of_table, what, detail) AS places,
        count(*) OVER (PARTITION BY of_table, what) AS of_places
    FROM shown
),

ranked AS (
    SELECT
        *,
        -- The first of each frequent detail, then those from the middle and the end.
        row_number() OVER (
            PARTITION BY of_table, what
            ORDER BY
                CASE place WHEN 1 THEN 1 WHEN (places + 1) // 2 THEN 2 ELSE 3 END,
                places DESC,
                detail ASC
        ) AS choice
    FROM alike
    WHERE place IN (1, (places + 1) // 2, places) AND places * 50 >= of_places
)

SELECT
    of_table,
    what,
    at_us,
    call_id,
    attempt,
    hedge_index,
    key,
    instance,
    detail
FROM ranked
WHERE choice <= 3
ORDER BY of_table, what, at_us, call_id, attempt, hedge_index
