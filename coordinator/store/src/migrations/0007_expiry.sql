-- What nothing refers to any more lies in packs of its own, from the moment it was found so.
ALTER TABLE packs ADD COLUMN unreachable_since_ms BIGINT;
-- The last generation before objects were removed: a push that was checked against it or an earlier
-- one may count on something that is gone.
ALTER TABLE repositories ADD COLUMN expired_generation BIGINT NOT NULL DEFAULT -1;
