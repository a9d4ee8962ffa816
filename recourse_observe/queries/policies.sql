-- Policies as processes applied them, or failed to resolve them, oldest first.
-- Parameters: $start_us, $end_us (half-open), $key (empty: every key).
SELECT
    epoch_us(applied_at) AS applied_unix_us,
    key,
    instance,
    policy_id,
    policy_version,
    policy_source,
    event,
    max_attempts,
    initial_backoff_us,
    max_backoff_us,
    backoff_multiplier,
    jitter,
    timeout_per_attempt_us,
    overall_timeout_us,
    classifier,
    budget_name,
    hedge_enabled,
    hedge_delay_us,
    max_hedges,
    hedge_trigger,
    hedge_budget_name,
    circuit_enabled,
    circuit_kind,
    circuit_threshold,
    circuit_cooldown_us,
    policy_json
FROM policies
WHERE
    applied_at >= make_timestamp($start_us::BIGINT)
    AND applied_at < make_timestamp($end_us::BIGINT)
    AND ($key = '' OR key = $key)
ORDER BY applied_at, key, instance, policy_version
