-- How long successful attempts took, per key and block of time: the stuff of a robust baseline.
-- Parameters: those of members.sql, $block_us.
SELECT
    key,
    block,
    successes,
    quantiles_us[1] AS p50_us,
    quantiles_us[2] AS p95_us
FROM (
    SELECT
        key,
        epoch_us(started_at) // $block_us AS block,
        count(*) AS successes,
        -- Both at once: each alone would sort its own copy.
        quantile_disc(duration_us, [0.5, 0.95]) AS quantiles_us
    FROM attempts
    WHERE
        ran
        AND outcome = 'success'
        AND started_at >= make_timestamp($start_us::BIGINT)
        AND started_at < make_timestamp($end_us::BIGINT)
    GROUP BY ALL
    HAVING count(*) >= 5
) AS blocks
ORDER BY key, block
