-- What attempts took that committed, by how much they had to do: predictions go
-- by the newest of an implementation.
CREATE TABLE spent (
    seq            INTEGER PRIMARY KEY AUTOINCREMENT,
    step           TEXT NOT NULL,
    implementation TEXT NOT NULL,
    run            INTEGER NOT NULL REFERENCES runs (seq),
    body           BLOB NOT NULL
);
CREATE INDEX spent_by ON spent (step, implementation, seq);
