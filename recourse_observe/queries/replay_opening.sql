-- What held at the first moment of a stretch of time, before its first event: what was in flight,
-- what budgets had left, where breakers and policies stood.
-- Parameters: $start_us, $key (empty: every key).
SELECT
    kind,
    policy_key,
    instance,
    word,
    number
FROM (
    SELECT
        'calls_open' AS kind,
        key AS policy_key,
        '' AS instance,
        '' AS word,
        sum(sample_weight)::DOUBLE AS number
    FROM calls
    WHERE
        started_at < make_timestamp($start_us::BIGINT)
        AND ended_at >= make_timestamp($start_us::BIGINT)
    GROUP BY key
    UNION ALL
    SELECT
        'attempts_open' AS kind,
        key AS policy_key,
        '' AS instance,
        '' AS word,
        sum(sample_weight)::DOUBLE AS number
    FROM attempts
    WHERE
        ran
        AND started_at < make_timestamp($start_us::BIGINT)
        AND ended_at >= make_timestamp($start_us::BIGINT)
    GROUP BY key
    UNION ALL
    SELECT
        'budget' AS kind,
        arg_max(key, decided_at) AS policy_key,
        instance,
        budget_name AS word,
        arg_max(level_after, decided_at) AS number
    FROM budget_decisions
    WHERE decided_at < make_timestamp($start_us::BIGINT)
    GROUP BY budget_name, instance
    UNION ALL
    SELECT
        'breaker' AS kind,
        key AS policy_key,
        instance,
        arg_max(to_state, (changed_at, generation)) AS word,
        null AS number
    FROM circuit_transitions
    WHERE changed_at < make_timestamp($start_us::BIGINT)
    GROUP BY key, instance
    UNION ALL
    SELECT
        'policy' AS kind,
        key AS policy_key,
        '' AS instance,
        arg_max(policy_version, applied_at) AS word,
        null AS number
    FROM policies
    WHERE applied_at < make_timestamp($start_us::BIGINT)
    GROUP BY key
) AS held
WHERE $key = '' OR policy_key = $key
ORDER BY kind, policy_key, instance, word
