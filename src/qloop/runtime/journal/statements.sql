-- Every statement the journal runs, by name. Texts are constant, so that sqlite3 keeps them prepared.

-- name: insert_run
INSERT INTO runs (id, program, started_at_ns, seed, clock, version, revision, config_hash, config)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: select_run
SELECT id, program, started_at_ns, seed, clock, version, revision, config_hash, config, state, ended_at_ns
FROM runs WHERE id = ?;

-- name: select_runs
SELECT id, program, started_at_ns, seed, clock, version, revision, config_hash, config, state, ended_at_ns
FROM runs ORDER BY no;

-- name: resume_run
UPDATE runs SET state = 'running', ended_at_ns = 0 WHERE id = ? AND state = 'interrupted';

-- name: end_run
UPDATE runs SET state = ?, ended_at_ns = ? WHERE id = ? AND state IN ('running', 'interrupted');

-- name: number_of_run
SELECT no FROM runs WHERE id = ?;

-- name: ended_runs
SELECT id, ended_at_ns FROM runs WHERE state IN ('done', 'failed', 'cancelled')
ORDER BY ended_at_ns DESC, no DESC;

-- name: delete_run
DELETE FROM runs WHERE id = ?;

-- name: last_event
SELECT coalesce(max(seq), 0) FROM log WHERE run = ?;

-- name: insert_event
INSERT INTO log (run, seq, event) VALUES (?, ?, ?);

-- name: select_log
SELECT seq, event FROM log WHERE run = ? AND seq > ? ORDER BY seq;

-- name: insert_session
INSERT INTO sessions (id, run, tenant, name, seed, settings, opened_at_ns) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: number_of_session
SELECT no FROM sessions WHERE id = ?;

-- name: state_of_session
SELECT no, state FROM sessions WHERE id = ?;

-- name: end_session
UPDATE sessions SET state = ?, reason = ?, ended_at_ns = ? WHERE id = ? AND state = 'open';

-- name: cancel_tasks_of_session
UPDATE tasks SET state = 'cancelled', until_ns = 0, ended_at_ns = ? WHERE session = ? AND state IN ('ready', 'leased');

-- name: select_session
SELECT s.id, r.id, s.tenant, s.name, s.seed, s.settings, s.opened_at_ns, s.state, s.reason, s.ended_at_ns,
    (SELECT count(*) FROM tasks t WHERE t.session = s.no),
    (SELECT count(*) FROM results e WHERE e.session = s.no),
    (SELECT coalesce(sum(e.shots), 0) FROM results e WHERE e.session = s.no)
FROM sessions s JOIN runs r ON r.no = s.run WHERE s.id = ?;

-- name: select_sessions
SELECT s.id, r.id, s.tenant, s.name, s.seed, s.settings, s.opened_at_ns, s.state, s.reason, s.ended_at_ns,
    (SELECT count(*) FROM tasks t WHERE t.session = s.no),
    (SELECT count(*) FROM results e WHERE e.session = s.no),
    (SELECT coalesce(sum(e.shots), 0) FROM results e WHERE e.session = s.no)
FROM sessions s JOIN runs r ON r.no = s.run
WHERE (?1 IS NULL OR r.id = ?1) AND (?2 IS NULL OR s.tenant = ?2) AND (?3 IS NULL OR s.state = ?3)
ORDER BY s.no;

-- name: choose
INSERT INTO chosen (session, key, value) VALUES (?, ?, ?) ON CONFLICT DO NOTHING;

-- name: select_choice
SELECT value FROM chosen WHERE session = ? AND key = ?;

-- name: select_chosen
SELECT key, value FROM chosen WHERE session = ? ORDER BY key;

-- name: put_checkpoint
INSERT INTO checkpoints (session, name, iteration, state) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET iteration = excluded.iteration, state = excluded.state
WHERE excluded.iteration >= checkpoints.iteration;

-- name: select_checkpoint
SELECT iteration, state FROM checkpoints WHERE session = ? AND name = ?;

-- name: insert_task
INSERT INTO tasks (id, session, kind, body, created_at_ns) VALUES (?, ?, ?, ?, ?);

-- name: select_task
SELECT t.id, s.id, t.kind, t.body, t.created_at_ns, t.state, t.attempt, t.worker, t.until_ns, t.outcome, t.ended_at_ns
FROM tasks t JOIN sessions s ON s.no = t.session WHERE t.id = ?;

-- name: select_tasks
SELECT t.id, s.id, t.kind, t.body, t.created_at_ns, t.state, t.attempt, t.worker, t.until_ns, t.outcome, t.ended_at_ns
FROM sessions s JOIN tasks t ON t.session = s.no WHERE s.id = ? ORDER BY t.no;

-- name: lease
UPDATE tasks SET state = 'leased', attempt = attempt + 1, worker = ?, until_ns = ? WHERE id = ? AND state = 'ready';

-- name: fence_of_task
SELECT no, state, attempt, worker, outcome FROM tasks WHERE id = ?;

-- name: heartbeat
UPDATE tasks SET until_ns = max(until_ns, ?) WHERE id = ? AND state = 'leased' AND attempt = ? AND until_ns > ?;

-- name: release
UPDATE tasks SET state = 'ready', worker = '', until_ns = 0 WHERE id = ? AND state = 'leased' AND attempt = ? AND until_ns > ?;

-- name: finish
UPDATE tasks SET state = ?, outcome = ?, until_ns = 0, ended_at_ns = ?
WHERE id = ? AND state = 'leased' AND attempt = ? AND until_ns > ?;

-- name: cancel
UPDATE tasks SET state = 'cancelled', until_ns = 0, ended_at_ns = ? WHERE id = ? AND state IN ('ready', 'leased');

-- name: keep_evidence
INSERT INTO evidence (task, attempt, outcome, at_ns) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- name: select_evidence
SELECT t.id, e.attempt, e.outcome, e.at_ns FROM tasks t JOIN evidence e ON e.task = t.no
WHERE t.id = ? ORDER BY e.attempt;

-- name: select_expired
SELECT no, id FROM tasks INDEXED BY tasks_leased WHERE state = 'leased' AND until_ns <= ? ORDER BY no;

-- name: expire
UPDATE tasks SET state = 'ready', worker = '', until_ns = 0 WHERE state = 'leased' AND until_ns <= ?;

-- name: put_result
INSERT INTO results (session, digest, task, attempt, qpu, epoch, shots, simulator, value, at_ns)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- name: answer_task
UPDATE tasks SET state = 'done', until_ns = 0, ended_at_ns = ?
WHERE id = ? AND session = ? AND state IN ('ready', 'leased');

-- name: select_result
SELECT digest, ?2, task, attempt, qpu, epoch, shots, simulator, value, at_ns
FROM results WHERE session = ?1 AND digest = ?3;

-- name: select_results
SELECT r.digest, s.id, r.task, r.attempt, r.qpu, r.epoch, r.shots, r.simulator, r.value, r.at_ns
FROM sessions s JOIN results r ON r.session = s.no WHERE s.id = ? ORDER BY r.no;

-- name: put_intent
INSERT INTO intents (token, session, digest, task, qpu, shots, epoch, at_ns)
VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- name: select_intent
SELECT i.token, s.id, i.digest, i.task, i.qpu, i.shots, i.epoch, i.at_ns, i.state, i.provider, i.reason, i.ended_at_ns
FROM intents i JOIN sessions s ON s.no = i.session WHERE i.token = ?;

-- name: select_intents_of_evaluation
SELECT i.token, s.id, i.digest, i.task, i.qpu, i.shots, i.epoch, i.at_ns, i.state, i.provider, i.reason, i.ended_at_ns
FROM intents i JOIN sessions s ON s.no = i.session WHERE s.id = ? AND i.digest = ? ORDER BY i.no;

-- name: select_intents
SELECT i.token, s.id, i.digest, i.task, i.qpu, i.shots, i.epoch, i.at_ns, i.state, i.provider, i.reason, i.ended_at_ns
FROM intents i JOIN sessions s ON s.no = i.session WHERE ?1 IS NULL OR s.id = ?1 ORDER BY i.no;

-- name: move_intent
UPDATE intents SET state = ?2, provider = CASE ?3 WHEN '' THEN provider ELSE ?3 END, reason = ?4,
    ended_at_ns = CASE WHEN ?2 IN ('done', 'abandoned') THEN ?5 ELSE 0 END
WHERE token = ?1 AND state NOT IN ('done', 'abandoned');

-- name: put_call
INSERT INTO calls (id, session, task, attempt, tenant, qpu, outcome, project, epoch, begun_ns, ended_ns, evaluations, circuits, shots,
    executions, net_ns, billed_ns, amount, currency, price, intent, provider_id, reason)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- name: select_call
SELECT c.id, s.id, c.task, c.attempt, c.tenant, c.qpu, c.outcome, c.project, c.epoch, c.begun_ns, c.ended_ns,
    c.evaluations, c.circuits, c.shots, c.executions, c.net_ns, c.billed_ns, c.amount, c.currency, c.price, c.intent,
    c.provider_id, c.reason
FROM calls c JOIN sessions s ON s.no = c.session WHERE c.id = ?;

-- name: select_calls
SELECT c.id, s.id, c.task, c.attempt, c.tenant, c.qpu, c.outcome, c.project, c.epoch, c.begun_ns, c.ended_ns,
    c.evaluations, c.circuits, c.shots, c.executions, c.net_ns, c.billed_ns, c.amount, c.currency, c.price, c.intent,
    c.provider_id, c.reason
FROM calls c JOIN sessions s ON s.no = c.session JOIN runs r ON r.no = s.run
WHERE (?1 IS NULL OR r.id = ?1) AND (?2 IS NULL OR s.id = ?2) ORDER BY c.no;

-- name: last_ns
SELECT max(
    coalesce((SELECT max(e.at_ns) FROM sessions s JOIN results e ON e.session = s.no WHERE s.run = r.no), 0),
    coalesce((SELECT max(c.ended_ns) FROM sessions s JOIN calls c ON c.session = s.no WHERE s.run = r.no), 0))
FROM runs r WHERE r.id = ?;
