-- Which database this is, in one row: what was made from another one is none of this one's business.
CREATE TABLE instance (
    slot BIGINT PRIMARY KEY,
    id TEXT NOT NULL
);
