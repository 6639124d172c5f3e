-- A journal as version 1 wrote it: no evidence, no configuration of runs, results known by their digest alone.
CREATE TABLE runs (
    no INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, program TEXT NOT NULL,
    started_at_ns INTEGER NOT NULL, seed INTEGER NOT NULL, clock TEXT NOT NULL, version TEXT NOT NULL,
    revision TEXT NOT NULL, config_hash TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'running',
    ended_at_ns INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE sessions (
    no INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
    run INTEGER NOT NULL REFERENCES runs (no) ON DELETE CASCADE, tenant TEXT NOT NULL, name TEXT NOT NULL,
    seed INTEGER NOT NULL, settings BLOB NOT NULL, opened_at_ns INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'open', reason TEXT NOT NULL DEFAULT '', ended_at_ns INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX sessions_of_run ON sessions (run);
CREATE TABLE tasks (
    no INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
    session INTEGER NOT NULL REFERENCES sessions (no) ON DELETE CASCADE, kind TEXT NOT NULL, body BLOB NOT NULL,
    created_at_ns INTEGER NOT NULL, state TEXT NOT NULL DEFAULT 'ready', attempt INTEGER NOT NULL DEFAULT 0,
    worker TEXT NOT NULL DEFAULT '', until_ns INTEGER NOT NULL DEFAULT 0, outcome BLOB NOT NULL DEFAULT x'',
    ended_at_ns INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX tasks_of_session ON tasks (session);
CREATE INDEX tasks_leased ON tasks (until_ns) WHERE state = 'leased';
CREATE TABLE results (
    no INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE,
    session INTEGER NOT NULL REFERENCES sessions (no) ON DELETE CASCADE, task TEXT NOT NULL,
    attempt INTEGER NOT NULL, qpu TEXT NOT NULL, epoch INTEGER NOT NULL, shots INTEGER NOT NULL,
    simulator TEXT NOT NULL, value BLOB NOT NULL, at_ns INTEGER NOT NULL
);
CREATE TABLE log (
    run INTEGER NOT NULL REFERENCES runs (no) ON DELETE CASCADE, seq INTEGER NOT NULL, event BLOB NOT NULL,
    PRIMARY KEY (run, seq)
) WITHOUT ROWID;
CREATE TABLE chosen (
    session INTEGER NOT NULL REFERENCES sessions (no) ON DELETE CASCADE, key TEXT NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (session, key)
) WITHOUT ROWID;
CREATE TABLE checkpoints (
    session INTEGER NOT NULL REFERENCES sessions (no) ON DELETE CASCADE, name TEXT NOT NULL,
    iteration INTEGER NOT NULL, state BLOB NOT NULL, PRIMARY KEY (session, name)
) WITHOUT ROWID;

INSERT INTO runs (id, program, started_at_ns, seed, clock, version, revision, config_hash)
VALUES ('r', 'loop.py', 1000, -1, 'real', '0.0.9', 'abc', 'hash');
INSERT INTO sessions (id, run, tenant, name, seed, settings, opened_at_ns)
VALUES ('s1', 1, 'ada', 'vqe', 7, x'7b7d', 1), ('s2', 1, 'eve', 'qaoa', 7, x'7b7d', 2);
INSERT INTO tasks (id, session, kind, body, created_at_ns, state, attempt, worker, until_ns)
VALUES ('t1', 1, 'vqe', x'01', 3, 'leased', 2, 'w', 50);
INSERT INTO results (digest, session, task, attempt, qpu, epoch, shots, simulator, value, at_ns) VALUES
    (x'FF00000000000000000000000000000000000000000000000000000000000000', 1, 't1', 1, 'exact', 0, 100, 'q', x'0A', 5),
    (x'0100000000000000000000000000000000000000000000000000000000000000', 1, 't1', 2, 'exact', 0, 100, 'q', x'0B', 6);
INSERT INTO log VALUES (1, 1, x'61'), (1, 2, x'62');
INSERT INTO chosen VALUES (1, 'simulator', x'71');
INSERT INTO checkpoints VALUES (1, 'spsa', 4, x'34');
