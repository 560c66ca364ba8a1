-- Issues that are parts of others.

-- The issue of which it is a part, and its place among the parts: none of those without one.
ALTER TABLE issues ADD COLUMN parent_id BIGINT REFERENCES issues (id) ON DELETE SET NULL
    DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE issues ADD COLUMN place BIGINT NOT NULL DEFAULT 0;
CREATE INDEX issues__parent_id ON issues (parent_id, place) WHERE parent_id IS NOT NULL;
