-- What most lost calls of some keys said, and how many of them one process made.
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
    arg_max(said.complaint, (said.calls, said.complaint)) AS complaint,
    any_value(loudest.instance) AS instance,
    any_value(loudest.instance_share) AS instance_share
FROM said
INNER JOIN loudest ON said.key = loudest.key
GROUP BY said.key
ORDER BY said.key
