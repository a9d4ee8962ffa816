-- What most lost calls of some keys said, how many of them one process made, and how much was
-- asked of the keys.
-- Parameters: those of members.sql, $keys (a list).
WITH lost_calls AS (
    SELECT
        key,
        instance,
        disposition || ' ' || final_reason AS complaint,
        count(*) AS calls
    FROM members
    WHERE lost AND list_contains($keys::VARCHAR[], key)
    GROUP BY ALL
),

said AS (
    SELECT
        key,
        complaint,
        sum(calls) AS calls
    FROM lost_calls
    GROUP BY key, complaint
),

made AS (
    SELECT
        key,
        instance,
        sum(calls) AS calls
    FROM lost_calls
    GROUP BY key, instance
),

size AS (
    SELECT
        key,
        min(service) AS service,
        sum(sample_weight)::BIGINT AS calls,
        sum(attempts_run * sample_weight)::BIGINT AS attempts,
        coalesce(quantile_disc(duration_us, 0.5) FILTER (WHERE lost), 0)::BIGINT AS call_us,
        coalesce(
            quantile_disc(duration_us // greatest(attempts_run, 1), 0.5) FILTER (WHERE lost), 0
        )::BIGINT AS attempt_us
    FROM members
    WHERE list_contains($keys::VARCHAR[], key)
    GROUP BY key
),

loudest AS (
    SELECT
        key,
        arg_max(instance, (calls, instance)) AS instance,
        max(calls) / sum(calls) AS instance_share
    FROM made
    GROUP BY key
)

SELECT
    said.key,
    any_value(size.service) AS service,
    any_value(size.calls) AS calls,
    any_value(size.attempts) AS attempts,
    any_value(size.call_us) AS call_us,
    any_value(size.attempt_us) AS attempt_us,
    arg_max(said.complaint, (said.calls, said.complaint)) AS complaint,
    any_value(loudest.instance) AS instance,
    any_value(loudest.instance_share) AS instance_share
FROM said
INNER JOIN loudest ON said.key = loudest.key
INNER JOIN size ON said.key = size.key
GROUP BY said.key
ORDER BY said.key
