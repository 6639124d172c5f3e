-- Version 3 keeps the intents to ask QPUs that others run, and the account of every call.

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
