-- Version 1 knew a result by its digest alone, so that two sessions with one seed shared a row and lost it together;
-- it kept no late outcomes and no program configuration. Version 2 keys results by session and digest.

CREATE TABLE evidence (
    task INTEGER NOT NULL REFERENCES tasks (no) ON DELETE CASCADE,
    attempt INTEGER NOT NULL,
    outcome BLOB NOT NULL,
    at_ns INTEGER NOT NULL,
    PRIMARY KEY (task, attempt)
) WITHOUT ROWID;

ALTER TABLE runs ADD COLUMN config BLOB NOT NULL DEFAULT x'7b7d';

ALTER TABLE results RENAME TO results_of_version_1;

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

INSERT INTO results (no, session, digest, task, attempt, qpu, epoch, shots, simulator, value, at_ns)
SELECT no, session, digest, task, attempt, qpu, epoch, shots, simulator, value, at_ns
FROM results_of_version_1 ORDER BY no;

DROP TABLE results_of_version_1;
