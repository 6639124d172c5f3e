-- The journal's schema, version 3. Numbers stand for ids in references: they are short and never used twice.

CREATE TABLE runs (
    no INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    program TEXT NOT NULL,
    started_at_ns INTEGER NOT NULL,
    seed INTEGER NOT NULL,
    clock TEXT NOT NULL,
    version TEXT NOT NULL,
    revision TEXT NOT NULL,
    config_hash TEXT NOT NULL,
    config BLOB NOT NULL,
    state TEXT NOT NULL DEFAULT 'running',
    ended_at_ns INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE sessions (
    no INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    run INTEGER NOT NULL REFERENCES runs (no) ON DELETE CASCADE,
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    seed INTEGER NOT NULL,
    settings BLOB NOT NULL,
    opened_at_ns INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'open',
    reason TEXT NOT NULL DEFAULT '',
    ended_at_ns INTEGER NOT NULL DEFAULT 0
);

CREATE INDEX sessions_of_run ON sessions (run);

CREATE TABLE tasks (
    no INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    session INTEGER NOT NULL REFERENCES sessions (no) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    body BLOB NOT NULL,
    created_at_ns INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'ready',
    attempt INTEGER NOT NULL DEFAULT 0,
    worker TEXT NOT NULL DEFAULT '',
    until_ns INTEGER NOT NULL DEFAULT 0,
    outcome BLOB NOT NULL DEFAULT x'',
    ended_at_ns INTEGER NOT NULL DEFAULT 0
);

CREATE INDEX tasks_of_session ON tasks (session);

CREATE INDEX tasks_leased ON tasks (until_ns) WHERE state = 'leased';

CREATE TABLE evidence (
    task INTEGER NOT NULL REFERENCES tasks (no) ON DELETE CASCADE,
    attempt INTEGER NOT NULL,
    outcome BLOB NOT NULL,
    at_ns INTEGER NOT NULL,
    PRIMARY KEY (task, attempt)
) WITHOUT ROWID;

CREATE TABLE results (
    no INTEGER PRIMARY KEY,
    session INTEGER NOT NULL REFERENCES sessions (no) ON DELETE CASCADE,
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    task TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    qpu TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    shots INTEGER NOT NULL,
    simulator TEXT NOT NULL,
    value BLOB NOT NULL,
    at_ns INTEGER NOT NULL,
    UNIQUE (session, digest)
);

CREATE TABLE log (
    run INTEGER NOT NULL REFERENCES runs (no) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    event BLOB NOT NULL,
    PRIMARY KEY (run, seq)
) WITHOUT ROWID;

CREATE TABLE chosen (
    session INTEGER NOT NULL REFERENCES sessions (no) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (session, key)
) WITHOUT ROWID;

CREATE TABLE checkpoints (
    session INTEGER NOT NULL REFERENCES sessions (no) ON DELETE CASCADE,
    name TEXT NOT NULL,
    iteration INTEGER NOT NULL,
    state BLOB NOT NULL,
    PRIMARY KEY (session, name)
) WITHOUT ROWID;

CREATE TABLE intents (
    no INTEGER PRIMARY KEY AUTOINCREMENT,
    token TEXT NOT NULL UNIQUE,
    session INTEGER NOT NULL REFERENCES sessions (no) ON DELETE CASCADE,
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    task TEXT NOT NULL,
    qpu TEXT NOT NULL,
    shots INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    at_ns INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'open',
    provider TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    ended_at_ns INTEGER NOT NULL DEFAULT 0
);

CREATE INDEX intents_of_evaluation ON intents (session, digest);

CREATE TABLE calls (
    no INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    session INTEGER NOT NULL REFERENCES sessions (no) ON DELETE CASCADE,
    task TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    qpu TEXT NOT NULL,
    outcome TEXT NOT NULL,
    project TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    begun_ns INTEGER NOT NULL,
    ended_ns INTEGER NOT NULL,
    evaluations INTEGER NOT NULL,
    circuits INTEGER NOT NULL,
    shots INTEGER NOT NULL,
    executions INTEGER NOT NULL,
    net_ns INTEGER NOT NULL,
    billed_ns INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    price TEXT NOT NULL,
    intent TEXT NOT NULL,
    provider_id TEXT NOT NULL,
    reason TEXT NOT NULL
);

CREATE INDEX calls_of_session ON calls (session);
