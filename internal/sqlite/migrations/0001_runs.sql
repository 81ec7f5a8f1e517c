-- One compiled pipeline however many runs use it; body is its JSON, deflated.
CREATE TABLE compiled (
    id     INTEGER PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    body   BLOB NOT NULL
);

-- seq is the order of creation: clocks go backwards, it does not.
-- Times are nanoseconds since 1970, 0 when unset. What is long comes last, so
-- that reading the rest touches no overflow pages.
CREATE TABLE runs (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL UNIQUE,
    tenant     TEXT NOT NULL,
    request_id TEXT NOT NULL,
    digest     TEXT NOT NULL,
    kind       TEXT NOT NULL,
    tool       TEXT NOT NULL,
    version    TEXT NOT NULL,
    workflow   TEXT NOT NULL,
    engine     TEXT NOT NULL,
    root       TEXT NOT NULL,
    state      TEXT NOT NULL,
    generation INTEGER NOT NULL,
    cancel     INTEGER NOT NULL,
    done       INTEGER NOT NULL,
    total      INTEGER NOT NULL,
    failed     INTEGER NOT NULL,
    skipped    INTEGER NOT NULL,
    running    INTEGER NOT NULL,
    created    INTEGER NOT NULL,
    started    INTEGER NOT NULL,
    finished   INTEGER NOT NULL,
    updated    INTEGER NOT NULL,
    compiled   INTEGER NOT NULL REFERENCES compiled (id),
    waiting    TEXT NOT NULL,
    labels     TEXT,
    failure    TEXT,
    summary    BLOB,
    arguments  BLOB NOT NULL,
    UNIQUE (tenant, request_id)
);

-- Pages are walked from the newest run down. created is in the indexes so
-- that rows outside of a span of time are passed over without being read.
CREATE INDEX runs_by_tenant ON runs (tenant, seq, created);
CREATE INDEX runs_by_state  ON runs (tenant, state, seq, created);
CREATE INDEX runs_by_tool   ON runs (tenant, tool, state, seq, created);

-- What a reconciler looks after: no run has a summary before it is terminal.
CREATE INDEX runs_active ON runs (seq) WHERE summary IS NULL;

CREATE TABLE labels (
    tenant TEXT NOT NULL,
    key    TEXT NOT NULL,
    value  TEXT NOT NULL,
    run    INTEGER NOT NULL REFERENCES runs (seq),
    PRIMARY KEY (tenant, key, value, run)
) WITHOUT ROWID;

-- ix is the index in a form that sorts as text. settled is 0 for pending, 1
-- for running, 2 for an end. body is JSON: the rest of the status, without
-- the result's outputs.
CREATE TABLE tasks (
    run     INTEGER NOT NULL REFERENCES runs (seq),
    node    TEXT NOT NULL,
    ix      TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    state   TEXT NOT NULL,
    settled INTEGER NOT NULL,
    body    BLOB NOT NULL,
    UNIQUE (run, node, ix)
);

-- hash is of the URI: looking an object up by it needs no second copy of a
-- long text. object is JSON.
CREATE TABLE outputs (
    run    INTEGER NOT NULL REFERENCES runs (seq),
    node   TEXT NOT NULL,
    ix     TEXT NOT NULL,
    port   TEXT NOT NULL,
    item   INTEGER NOT NULL,
    hash   INTEGER NOT NULL,
    object BLOB NOT NULL,
    PRIMARY KEY (run, node, ix, port, item)
) WITHOUT ROWID;
CREATE INDEX outputs_by_uri ON outputs (hash);

CREATE TABLE events (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    run     INTEGER NOT NULL REFERENCES runs (seq),
    time    INTEGER NOT NULL,
    node    TEXT NOT NULL,
    ix      TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    kind    TEXT NOT NULL,
    message TEXT NOT NULL
);
CREATE INDEX events_by_run ON events (run, seq);
