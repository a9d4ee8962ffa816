-- Whether a call was lost, as every story and screen counts: one that was in flight when its
-- process died was not.
CREATE OR REPLACE MACRO is_lost(success, disposition) AS
NOT success AND disposition <> 'unfinished';

-- Calls, failures and retries of one key, a minute a row.
CREATE OR REPLACE MACRO story(which) AS TABLE
    SELECT
        time_bucket(INTERVAL 1 MINUTE, started_at) AS minute_at,
        count(*) AS calls,
        count(*) FILTER (WHERE is_lost(success, disposition)) AS failed,
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
        count(*) FILTER (WHERE is_lost(success, disposition)) AS failed
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
