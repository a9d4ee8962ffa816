-- What changed in a stretch of time: policies, breakers, budgets that began to refuse, first
-- hedges; oldest first.
-- Parameters: $start_us, $end_us (half-open), $onset_us (from which a first hedge is a change).
WITH versions AS (
    SELECT
        key,
        policy_version AS after_it,
        epoch_us(applied_at) AS at_us,
        lag(policy_version) OVER (
            PARTITION BY key, instance ORDER BY applied_at, policy_version
        ) AS before_it
    FROM policies
    WHERE applied_at < make_timestamp($end_us::BIGINT) AND policy_version IS NOT NULL
),

hedged AS (
    SELECT
        key,
        epoch_us(min(started_at)) AS at_us,
        count(*) AS amount
    FROM attempts
    WHERE
        is_hedge
        AND ran
        AND started_at >= make_timestamp($start_us::BIGINT)
        AND started_at < make_timestamp($end_us::BIGINT)
    GROUP BY key
)

SELECT
    min(at_us) AS at_us,
    'policy' AS kind,
    min(key) AS about,
    before_it,
    after_it,
    count(DISTINCT key) AS amount,
    max(at_us) AS last_us
FROM versions
WHERE before_it <> after_it AND at_us >= $start_us
GROUP BY before_it, after_it
UNION ALL
SELECT
    epoch_us(min(changed_at)) AS at_us,
    'breaker' AS kind,
    key AS about,
    '' AS before_it,
    to_state AS after_it,
    count(*) AS amount,
    epoch_us(max(changed_at)) AS last_us
FROM circuit_transitions
WHERE
    to_state <> 'half_open'
    AND changed_at >= make_timestamp($start_us::BIGINT)
    AND changed_at < make_timestamp($end_us::BIGINT)
GROUP BY key, to_state
UNION ALL
SELECT
    epoch_us(min(decided_at)) AS at_us,
    'budget' AS kind,
    coalesce(budget_name, '') AS about,
    '' AS before_it,
    reason AS after_it,
    count(*) AS amount,
    epoch_us(max(decided_at)) AS last_us
FROM budget_decisions
WHERE
    NOT allowed
    AND decided_at >= make_timestamp($start_us::BIGINT)
    AND decided_at < make_timestamp($end_us::BIGINT)
GROUP BY coalesce(budget_name, ''), reason
UNION ALL
SELECT
    at_us,
    'hedges' AS kind,
    key AS about,
    '' AS before_it,
    '' AS after_it,
    amount,
    at_us AS last_us
FROM hedged
WHERE at_us >= $onset_us
ORDER BY at_us ASC, kind ASC, about ASC, after_it ASC
LIMIT 200
