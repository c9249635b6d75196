-- Times are milliseconds since the Unix epoch; zero means "not yet". vCPUs are
-- in thousandths, memory is in MiB. Keys are given out by the core.
--
-- References are checked when a round commits, so that the order of changes
-- within a round does not matter.

-- What was committed last: the number of the round, and the highest keys ever
-- given out. The keys are kept apart from the rows because rows may go away and
-- their keys must not come back. The one row is written with each round anyway.
CREATE TABLE progress (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    round       INTEGER NOT NULL,
    job         INTEGER NOT NULL,
    definition  INTEGER NOT NULL,
    environment INTEGER NOT NULL,
    queue       INTEGER NOT NULL,
    host        INTEGER NOT NULL,
    policy      INTEGER NOT NULL,
    consumable  INTEGER NOT NULL,
    basket      INTEGER NOT NULL,
    scheduling_policy INTEGER NOT NULL,
    service_environment INTEGER NOT NULL,
    quota_share INTEGER NOT NULL,
    fair_share  INTEGER NOT NULL
) STRICT;

INSERT INTO progress VALUES (1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

-- status: 0 valid, 1 being deleted, 2 deleted. Rows of deleted resources are kept
-- for the jobs that refer to them; their names are free.
CREATE TABLE environments (
    id         INTEGER PRIMARY KEY CHECK (id > 0),
    name       TEXT    NOT NULL,
    enabled    INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    status     INTEGER NOT NULL CHECK (status BETWEEN 0 AND 2),
    max_vcpu   INTEGER NOT NULL CHECK (max_vcpu >= 0),
    machine    INTEGER NOT NULL CHECK (machine IN (0, 1)),
    fargate    INTEGER NOT NULL CHECK (fargate BETWEEN 0 AND 2), -- 1 on demand, 2 Spot
    spec       BLOB,
    created_at INTEGER NOT NULL,
    CHECK (status = 0 OR enabled = 0)
) STRICT;

CREATE UNIQUE INDEX environments_by_name ON environments (name) WHERE status < 2;

CREATE TABLE queues (
    id                INTEGER PRIMARY KEY CHECK (id > 0),
    name              TEXT    NOT NULL,
    enabled           INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    status            INTEGER NOT NULL CHECK (status BETWEEN 0 AND 2),
    priority          INTEGER NOT NULL,
    environments      TEXT    NOT NULL, -- a JSON array of ids in the order of preference
    scheduling_policy INTEGER NOT NULL, -- zero for none
    service_environment INTEGER NOT NULL, -- zero unless it is for service jobs
    spec              BLOB,
    created_at        INTEGER NOT NULL,
    time_limits       TEXT, -- a JSON array of {block, seconds}; null for none
    backfill          INTEGER NOT NULL CHECK (backfill IN (0, 1)),
    max_running       INTEGER NOT NULL, -- zero for any number, as of each share
    share_max_running INTEGER NOT NULL,
    CHECK (status = 0 OR enabled = 0)
) STRICT;

CREATE TABLE service_environments (
    id         INTEGER PRIMARY KEY CHECK (id > 0),
    name       TEXT    NOT NULL UNIQUE,
    enabled    INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    limits     TEXT    NOT NULL, -- a JSON array of {unit, n}
    spec       BLOB,
    created_at INTEGER NOT NULL
) STRICT;

-- turn is the number of the last of the queue's turns that was the share's.
CREATE TABLE quota_shares (
    id         INTEGER PRIMARY KEY CHECK (id > 0),
    queue      INTEGER NOT NULL REFERENCES queues (id) DEFERRABLE INITIALLY DEFERRED,
    name       TEXT    NOT NULL,
    enabled    INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    status     INTEGER NOT NULL CHECK (status BETWEEN 0 AND 1),
    rules      TEXT    NOT NULL, -- a JSON object
    spec       BLOB,
    created_at INTEGER NOT NULL,
    turn       INTEGER NOT NULL,
    UNIQUE (queue, name)
) STRICT;

CREATE UNIQUE INDEX queues_by_name ON queues (name) WHERE status < 2;

CREATE TABLE scheduling_policies (
    id         INTEGER PRIMARY KEY CHECK (id > 0),
    name       TEXT    NOT NULL UNIQUE,
    fair       TEXT, -- a JSON object; null for a quota-share policy
    spec       BLOB,
    created_at INTEGER NOT NULL
) STRICT;

-- The active shares of queues with a fair-share policy. usage is what they have
-- used until used_at, as core/fair writes it.
CREATE TABLE fair_shares (
    id      INTEGER PRIMARY KEY CHECK (id > 0),
    queue   INTEGER NOT NULL REFERENCES queues (id) DEFERRABLE INITIALLY DEFERRED,
    name    TEXT    NOT NULL,
    left_at INTEGER NOT NULL, -- zero while it has jobs
    used_at INTEGER NOT NULL,
    width   INTEGER NOT NULL, -- of usage's buckets, in milliseconds
    usage   BLOB    NOT NULL,
    UNIQUE (queue, name)
) STRICT;

-- The tags of a resource since they were changed. kind: 1 environment, 2 queue,
-- 3 definition, 4 scheduling policy, 5 job. id is the row's key in its table.
CREATE TABLE tags (
    kind INTEGER NOT NULL CHECK (kind > 0),
    id   INTEGER NOT NULL CHECK (id > 0),
    tags TEXT    NOT NULL, -- a JSON object
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;

-- The unique index also answers "which revision of each name is the last?"
-- without touching the specs.
CREATE TABLE definitions (
    id         INTEGER PRIMARY KEY CHECK (id > 0),
    name       TEXT    NOT NULL,
    revision   INTEGER NOT NULL CHECK (revision > 0),
    active     INTEGER NOT NULL CHECK (active IN (0, 1)),
    spec       BLOB,
    created_at INTEGER NOT NULL,
    UNIQUE (name, revision DESC)
) STRICT;

CREATE TABLE hosts (
    id          INTEGER PRIMARY KEY CHECK (id > 0),
    environment INTEGER NOT NULL REFERENCES environments (id) DEFERRABLE INITIALLY DEFERRED,
    name        TEXT    NOT NULL,
    vcpu        INTEGER NOT NULL CHECK (vcpu >= 0),
    memory      INTEGER NOT NULL CHECK (memory >= 0),
    gpus        INTEGER NOT NULL CHECK (gpus >= 0),
    seen_at     INTEGER NOT NULL, -- zero before it has registered
    state       INTEGER NOT NULL CHECK (state BETWEEN 0 AND 5), -- 5 is terminated
    type        TEXT    NOT NULL, -- from here on of an instance of a fleet
    spot        INTEGER NOT NULL CHECK (spot IN (0, 1)),
    generation  INTEGER NOT NULL,
    gang        INTEGER NOT NULL,
    used        INTEGER NOT NULL CHECK (used IN (0, 1)),
    launched_at INTEGER NOT NULL,
    stop_at     INTEGER NOT NULL,
    gone_at     INTEGER NOT NULL,
    ended_at    INTEGER NOT NULL,
    cost        INTEGER, -- as in jobs
    on_demand   INTEGER,
    CHECK (state <> 5 OR ended_at <> 0)
) STRICT;

CREATE UNIQUE INDEX hosts_by_name ON hosts (environment, name) WHERE name <> '';
CREATE INDEX hosts_ended ON hosts (ended_at, id) WHERE state = 5;
CREATE INDEX hosts_there ON hosts (environment, id) WHERE state < 5;

-- How the environments do that get their instances one by one.
CREATE TABLE fleets (
    environment INTEGER PRIMARY KEY REFERENCES environments (id) DEFERRABLE INITIALLY DEFERRED,
    fleet       TEXT    NOT NULL, -- JSON
    generation  INTEGER NOT NULL CHECK (generation > 0),
    desired     INTEGER NOT NULL CHECK (desired >= 0),
    updated_at  INTEGER NOT NULL,
    tried_at    INTEGER NOT NULL,
    joined      INTEGER NOT NULL CHECK (joined IN (0, 1)),
    invalid     TEXT    NOT NULL,
    backoffs    TEXT    NOT NULL, -- a JSON array of {type, kind, until}
    decided     INTEGER NOT NULL
) STRICT;

-- The latest decisions about each of them: slot is number modulo how many are kept.
CREATE TABLE decisions (
    environment INTEGER NOT NULL,
    slot        INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    launched    INTEGER NOT NULL,
    ended       INTEGER NOT NULL,
    type        TEXT    NOT NULL,
    why         TEXT    NOT NULL,
    demand      INTEGER NOT NULL,
    have        INTEGER NOT NULL,
    price       INTEGER NOT NULL,
    PRIMARY KEY (environment, slot)
) STRICT, WITHOUT ROWID;

CREATE TABLE policies (
    id     INTEGER PRIMARY KEY CHECK (id > 0),
    policy TEXT NOT NULL -- a JSON object
) STRICT;

-- Which job a client's token has made. Few, and gone after a day.
CREATE TABLE claims (
    token   BLOB    PRIMARY KEY CHECK (length(token) = 16),   -- digests of what
    request BLOB    NOT NULL    CHECK (length(request) = 16), -- the client sent
    job     BLOB    NOT NULL    CHECK (length(job) = 16),
    until   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE consumables (
    id         INTEGER PRIMARY KEY CHECK (id > 0),
    name       TEXT    NOT NULL UNIQUE,
    spent      INTEGER NOT NULL CHECK (spent IN (0, 1)), -- NON_REPLENISHABLE
    total      INTEGER NOT NULL CHECK (total >= 0),
    in_use     INTEGER NOT NULL CHECK (in_use >= 0),
    spec       BLOB,
    created_at INTEGER NOT NULL
) STRICT;

-- What jobs need of consumable resources, each list once.
CREATE TABLE baskets (
    id    INTEGER PRIMARY KEY CHECK (id > 0),
    needs TEXT NOT NULL -- a JSON array of {resource, quantity}
) STRICT;

-- The key is sequential, so that new rows go to the end of the table; the public
-- id is a second index. state counts SUBMITTED 0, PENDING 1, RUNNABLE 2,
-- SCHEDULED 3, STARTING 4, RUNNING 5, SUCCEEDED 6, FAILED 7.
CREATE TABLE jobs (
    seq           INTEGER PRIMARY KEY CHECK (seq > 0),
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    child         INTEGER NOT NULL, -- array index plus one; minus one minus the index of a node; zero for any other job
    queue         INTEGER NOT NULL REFERENCES queues (id) DEFERRABLE INITIALLY DEFERRED,
    definition    INTEGER NOT NULL,
    state         INTEGER NOT NULL CHECK (state BETWEEN 0 AND 7),
    flags         INTEGER NOT NULL,
    vcpu          INTEGER NOT NULL CHECK (vcpu >= 0),
    memory        INTEGER NOT NULL CHECK (memory >= 0),
    gpus          INTEGER NOT NULL CHECK (gpus >= 0),
    max_attempts  INTEGER NOT NULL,
    policy        INTEGER NOT NULL,
    timeout       INTEGER NOT NULL, -- seconds; zero for none
    basket         INTEGER NOT NULL, -- zero for none
    kind          INTEGER NOT NULL CHECK (kind IN (0, 1)), -- 1 for a service job
    priority      INTEGER NOT NULL,
    fair_share    INTEGER NOT NULL, -- zero for none; the row goes before the job's does
    quota_share   INTEGER NOT NULL, -- zero for none
    created_at    INTEGER NOT NULL,

    attempt       INTEGER NOT NULL CHECK (attempt >= 0), -- those that were preempted included
    host          INTEGER NOT NULL,
    scheduled_at  INTEGER NOT NULL,
    started_at    INTEGER NOT NULL,
    stopped_at    INTEGER NOT NULL,
    exit_code     INTEGER,
    reason        TEXT,
    status_reason TEXT,

    -- Of an array job; zero and null for others. counts are the numbers of
    -- children by state, as unsigned varints.
    size          INTEGER NOT NULL,
    next          INTEGER NOT NULL,
    rest          INTEGER NOT NULL,
    rest_at       INTEGER NOT NULL,
    counts        BLOB,

    gang          TEXT, -- of a multi-node job, as JSON
    -- What few jobs have; null for others. waits is what a pending job depends
    -- on, failed are children of an array job, both as core/depend writes them.
    retry_at      INTEGER,
    waits         BLOB,
    max_running   INTEGER,
    definition_max INTEGER, -- how many jobs of its definition may run at once
    rest_reason   TEXT,
    failed        BLOB,
    instances     TEXT,    -- of a service job, as JSON
    preempt       TEXT,    -- what there is to say of preemptions, as JSON
    blocked_at    INTEGER, -- since when status_reason says what blocks the head of its queue
    cost          INTEGER, -- in billionths of a US dollar; null if unknown
    on_demand     INTEGER, -- what it would have been at on-demand prices

    UNIQUE (id, child),
    CHECK ((state >= 6) = (stopped_at <> 0)),
    CHECK (state NOT IN (3, 4, 5) OR (attempt > 0 AND host <> 0)),
    CHECK (size = 0 OR (child = 0 AND state IN (1, 6, 7) AND attempt = 0)),
    CHECK (next BETWEEN 0 AND size),
    CHECK (size = 0 OR rest IN (1, 2, 7)),
    CHECK (attempt <= max_attempts OR preempt IS NOT NULL OR child < 0),
    CHECK (retry_at IS NULL OR state = 2),
    CHECK (blocked_at IS NULL OR state = 2 AND status_reason IS NOT NULL),
    CHECK (waits IS NULL OR state = 1),
    CHECK ((size > 0 AND rest = 7) = (rest_at <> 0)),
    CHECK ((size > 0) = (counts IS NOT NULL)),
    CHECK (gang IS NULL OR (size = 0 AND child = 0)),
    CHECK (kind = 0 OR (size = 0 AND child = 0))
) STRICT;

-- Lists a queue, newest first, and finds what is active after a start. Children
-- of arrays and nodes are listed by their parent.
CREATE INDEX jobs_by_queue ON jobs (queue, state, seq) WHERE child = 0;

-- Lists the jobs that need a consumable resource, newest first.
CREATE INDEX jobs_by_basket ON jobs (basket, state, seq) WHERE basket > 0 AND child = 0;
-- List a queue by definition and by time. They are written once for each job.
CREATE INDEX jobs_by_definition ON jobs (queue, definition, seq) WHERE child = 0;
CREATE INDEX jobs_by_time ON jobs (queue, created_at, seq) WHERE child = 0;

-- Finds the jobs that ended long ago.
CREATE INDEX ended_jobs ON jobs (stopped_at, seq) WHERE child = 0 AND state >= 6;

-- Finds the active children after a start: few, however many have ended.
CREATE INDEX active_children ON jobs (seq) WHERE child > 0 AND state < 6;

-- The part of a job that never changes and that nobody needs but for
-- describing it, apart from the row that is rewritten several times.
CREATE TABLE job_specs (
    seq   INTEGER PRIMARY KEY REFERENCES jobs (seq) DEFERRABLE INITIALLY DEFERRED,
    queue INTEGER NOT NULL, -- the job's, for the indexes
    name  TEXT    NOT NULL COLLATE NOCASE,
    share TEXT,
    spec  BLOB
) STRICT;

CREATE INDEX job_names ON job_specs (queue, name, seq);
CREATE INDEX job_shares ON job_specs (queue, share, seq) WHERE share IS NOT NULL;

CREATE TABLE attempts (
    job           INTEGER NOT NULL REFERENCES jobs (seq) DEFERRABLE INITIALLY DEFERRED,
    number        INTEGER NOT NULL CHECK (number > 0),
    host          INTEGER NOT NULL CHECK (host <> 0), -- below zero a service environment
    started_at    INTEGER NOT NULL,
    stopped_at    INTEGER NOT NULL CHECK (stopped_at <> 0),
    exit_code     INTEGER,
    reason        TEXT,
    status_reason TEXT,
    containers    BLOB, -- the ends of several containers, as the API layer writes them
    preempted     INTEGER NOT NULL CHECK (preempted IN (0, 1)),
    usage         TEXT, -- what they have used, as a JSON object; null if nothing is known
    cost          INTEGER, -- as in jobs
    on_demand     INTEGER,
    PRIMARY KEY (job, number)
) STRICT, WITHOUT ROWID;

-- What the attempts have cost that ended within an hour, for each combination of
-- where they ran and what they were of. Rows stay when the jobs go.
CREATE TABLE costs (
    hour        INTEGER NOT NULL, -- since the Unix epoch
    queue       INTEGER NOT NULL,
    environment INTEGER NOT NULL,
    definition  INTEGER NOT NULL,
    share       TEXT    NOT NULL,
    attempts    INTEGER NOT NULL CHECK (attempts > 0),
    cost        INTEGER NOT NULL CHECK (cost >= 0),
    on_demand   INTEGER NOT NULL CHECK (on_demand >= 0),
    PRIMARY KEY (hour, queue, environment, definition, share)
) STRICT, WITHOUT ROWID;

-- Events that are not delivered yet, in their order: state changes of jobs. What
-- never changes of the job is read from its row when the event is delivered.
CREATE TABLE outbox (
    round         INTEGER NOT NULL, -- that committed it
    place         INTEGER NOT NULL, -- among the events of the round
    job           INTEGER NOT NULL, -- the row of the job or, for children, of their array job
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    child         INTEGER NOT NULL,
    children      BLOB,             -- those that it is about, which have no row; else null
    done          INTEGER NOT NULL, -- so many of the children are delivered
    at            INTEGER NOT NULL,
    state         INTEGER NOT NULL CHECK (state BETWEEN 1 AND 7),
    flags         INTEGER NOT NULL,
    attempt       INTEGER NOT NULL,
    host          INTEGER NOT NULL,
    started_at    INTEGER NOT NULL,
    stopped_at    INTEGER NOT NULL,
    exit_code     INTEGER,
    reason        TEXT,
    status_reason TEXT,
    counts        BLOB,
    network       INTEGER NOT NULL,
    kind          INTEGER NOT NULL, -- 0 a change of state, 1 a queue that is blocked
    PRIMARY KEY (round, place),
    CHECK ((state >= 6) = (stopped_at <> 0))
) STRICT, WITHOUT ROWID;

-- A job is kept until its events are delivered.
CREATE INDEX outbox_by_job ON outbox (job);
