-- Which services call which keys.
-- Parameters: none.
SELECT
    service,
    key,
    count(*) AS calls
FROM calls
GROUP BY service, key
ORDER BY service, key
