-- Which keys' lost calls were made inside which keys' lost calls.
-- Parameters: those of members.sql.
SELECT
    p.key AS parent_key,
    m.key AS child_key,
    count(*) AS calls
FROM members AS m
INNER JOIN calls AS p ON m.parent_call_id = p.call_id
WHERE m.lost AND p.key <> m.key
GROUP BY ALL
ORDER BY calls DESC, parent_key ASC, child_key ASC
