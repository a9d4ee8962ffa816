-- A recourse archive, schema 1.0. From this directory: duckdb -init recourse.sql
-- SELECT key, count(*) AS calls, avg(attempts_run) FROM calls GROUP BY key;
-- FROM story('payments.Charge'); FROM storm(2.0); FROM one_call('…');
-- What a running process has not published yet is not here: open the archive with recourse for that.

CREATE OR REPLACE VIEW "calls" AS SELECT "service", "instance", "region", "call_id", "parent_call_id", "key", "method", "idempotent", "policy_id", "policy_version", "policy_source", "policy_mode", "policy_normalized_fields", "started_at", "ended_at", "duration_us", "deadline_us", "success", "disposition", "final_outcome", "final_reason", "attempts_run", "retries", "hedges", "error_type", "error_message", "trace_id", "span_id", "sample_weight", "attributes" FROM read_parquet('calls/**/*.parquet', hive_partitioning = true);
CREATE OR REPLACE VIEW "attempts" AS SELECT "service", "instance", "region", "call_id", "key", "attempt", "hedge_index", "is_hedge", "ran", "started_at", "ended_at", "duration_us", "outcome", "reason", "status", "error_type", "error_message", "backoff_us", "waited_before_us", "backoff_source", "retry_after_us", "timeout_us", "budget_name", "budget_allowed", "budget_reason", "late", "cancel_reason", "peer", "policy_version", "trace_id", "span_id", "sample_weight", "attributes" FROM read_parquet('attempts/**/*.parquet', hive_partitioning = true);
CREATE OR REPLACE VIEW "budget_decisions" AS SELECT NULL::VARCHAR AS "service", NULL::VARCHAR AS "instance", NULL::VARCHAR AS "region", NULL::TIMESTAMP AS "decided_at", NULL::VARCHAR AS "call_id", NULL::VARCHAR AS "key", NULL::INTEGER AS "attempt", NULL::INTEGER AS "hedge_index", NULL::VARCHAR AS "kind", NULL::VARCHAR AS "budget_name", NULL::BIGINT AS "cost", NULL::VARCHAR AS "mode", NULL::BOOLEAN AS "allowed", NULL::VARCHAR AS "reason", NULL::DOUBLE AS "level_after" WHERE false;
CREATE OR REPLACE VIEW "hedges" AS SELECT NULL::VARCHAR AS "service", NULL::VARCHAR AS "instance", NULL::VARCHAR AS "region", NULL::VARCHAR AS "call_id", NULL::VARCHAR AS "key", NULL::INTEGER AS "attempt", NULL::INTEGER AS "hedge_index", NULL::TIMESTAMP AS "spawned_at", NULL::TIMESTAMP AS "ended_at", NULL::BIGINT AS "delay_us", NULL::VARCHAR AS "trigger", NULL::VARCHAR AS "result", NULL::VARCHAR AS "cancel_reason" WHERE false;
CREATE OR REPLACE VIEW "circuit_transitions" AS SELECT NULL::VARCHAR AS "service", NULL::VARCHAR AS "instance", NULL::VARCHAR AS "region", NULL::TIMESTAMP AS "changed_at", NULL::VARCHAR AS "key", NULL::VARCHAR AS "from_state", NULL::VARCHAR AS "to_state", NULL::VARCHAR AS "cause", NULL::BIGINT AS "generation", NULL::VARCHAR AS "call_id" WHERE false;
CREATE OR REPLACE VIEW "policies" AS SELECT "service", "instance", "region", "applied_at", "key", "policy_id", "policy_version", "policy_source", "event", "max_attempts", "initial_backoff_us", "max_backoff_us", "backoff_multiplier", "jitter", "timeout_per_attempt_us", "overall_timeout_us", "classifier", "budget_name", "hedge_enabled", "hedge_delay_us", "max_hedges", "hedge_trigger", "hedge_budget_name", "circuit_enabled", "circuit_kind", "circuit_threshold", "circuit_cooldown_us", "policy_json" FROM read_parquet('policies/**/*.parquet', hive_partitioning = true);
CREATE OR REPLACE VIEW "rollups" AS SELECT "service", "instance", "region", "bucket_at", "key", "calls", "successes", "attempts", "retries", "hedges", "denied", "rejected_by_circuit", "active_us", "latency" FROM read_parquet('rollups/**/*.parquet', hive_partitioning = true);
CREATE OR REPLACE VIEW "recorder" AS SELECT "service", "instance", "region", "recorded_at", "event", "rows", "dropped_events", "queue_high_water", "monotonic_ns", "wall_ns", "detail" FROM read_parquet('recorder/**/*.parquet', hive_partitioning = true);
-- Calls, failures and retries of one key, a minute a row.
CREATE OR REPLACE MACRO story(which) AS TABLE
    SELECT
        time_bucket(INTERVAL 1 MINUTE, started_at) AS minute_at,
        count(*) AS calls,
        count(*) FILTER (WHERE NOT success) AS failed,
        round(sum(attempts_run) / count(*), 2) AS attempts_per_call,
        sum(retries) AS retries,
        sum(hedges) AS hedges,
        count(*) FILTER (WHERE disposition = 'budget_denied') AS budget_denied,
        count(*) FILTER (WHERE disposition = 'circuit_open') AS circuit_open,
        round(quantile_cont(duration_us, 0.99) / 1000, 1) AS p99_ms
    FROM calls
    WHERE key = which
    GROUP BY minute_at
    ORDER BY minute_at;

-- Minutes of any key in which a call took more attempts than this, on average.
CREATE OR REPLACE MACRO storm(attempts_per_call) AS TABLE
    SELECT
        time_bucket(INTERVAL 1 MINUTE, started_at) AS minute_at,
        key,
        count(*) AS calls,
        sum(attempts_run) AS attempts,
        count(*) FILTER (WHERE NOT success) AS failed
    FROM calls
    GROUP BY ALL
    HAVING sum(attempts_run) > attempts_per_call * count(*)
    ORDER BY minute_at, key;

-- The attempts of one call, in the order in which they were launched.
CREATE OR REPLACE MACRO one_call(which) AS TABLE
    SELECT
        attempt,
        hedge_index,
        ran,
        outcome,
        reason,
        started_at,
        duration_us,
        waited_before_us,
        backoff_us,
        budget_reason,
        error_type,
        peer
    FROM attempts
    WHERE call_id = which
    ORDER BY attempt, hedge_index;
