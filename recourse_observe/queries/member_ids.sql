-- The ids of a scope's calls: what `$brush` means in a query of one's own.
-- Parameters: those of members.sql.
SELECT call_id FROM members
