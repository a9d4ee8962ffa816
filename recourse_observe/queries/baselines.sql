-- How long successful attempts took, per key and block of time: the stuff of a robust baseline.
-- Parameters: those of members.sql, $block_us.
SELECT
    key,
    epoch_us(started_at) // $block_us AS block,
    count(*) AS successes,
    quantile_disc(duration_us, 0.5) AS p50_us,
    quantile_disc(duration_us, 0.95) AS p95_us
FROM attempts
WHERE
    ran
    AND outcome = 'success'
    AND started_at >= make_timestamp($start_us::BIGINT)
    AND started_at < make_timestamp($end_us::BIGINT)
GROUP BY ALL
HAVING count(*) >= 5
ORDER BY key, block
