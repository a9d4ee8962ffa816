-- What our own attempts did on the keys of an incident: one row.
-- Parameters: those of members.sql, $keys (a list), $onset_us, $offset_us.
WITH phases AS (
    SELECT
        member_us >= $onset_us AS during,
        sum(attempts_run * sample_weight)::BIGINT AS attempts,
        coalesce(sum(sample_weight) FILTER (WHERE attempts_run > 0), 0)::BIGINT AS admitted,
        sum(retries * sample_weight)::BIGINT AS retries,
        coalesce(sum(sample_weight) FILTER (WHERE success AND retries > 0), 0)::BIGINT AS rescued
    FROM members
    WHERE list_contains($keys::VARCHAR[], key) AND member_us < $offset_us
    GROUP BY during
)

SELECT
    coalesce(max(attempts) FILTER (WHERE during), 0) AS attempts,
    coalesce(max(admitted) FILTER (WHERE during), 0) AS admitted,
    coalesce(max(attempts) FILTER (WHERE NOT during), 0) AS attempts_before,
    coalesce(max(admitted) FILTER (WHERE NOT during), 0) AS admitted_before,
    coalesce(max(retries) FILTER (WHERE during), 0) AS retries,
    coalesce(max(rescued) FILTER (WHERE during), 0) AS rescued,
    coalesce(max(retries) FILTER (WHERE during), 0)
    - coalesce(max(rescued) FILTER (WHERE during), 0) AS wasted
FROM phases
