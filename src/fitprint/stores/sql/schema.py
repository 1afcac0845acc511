"""The tables, in the steps in which they came to be.

Steps are additive and numbered from 1: a step that was released is never edited, and an older
fitprint that meets a newer schema stops. The words in braces are the dialect's: ``{identity}`` a
primary key that numbers itself, ``{text}`` texts compared by code point, ``{bytes}``, ``{id}`` an
id drawn for the occasion, ``{random}`` an expression that draws one for each row, and
``{clustered}`` for tables stored in the order of their key, ``{time[COLUMN]}`` a time as text,
``{json[COLUMN]}`` what was packed, and ``{param[ROW]}`` the value of a parameter with its type.

Since step 7 the names of tables begin with ``fp_``; without that prefix they are the names of the
views, which show people and other programs what the tables hold (see :mod:`fitprint.stores.views`).
Only ``facts`` keeps its name, for every version reads it first.

``runs.experiment`` is null for a run whose start has not arrived; ``metrics`` hold NaN as null;
``params.number`` is null for what is not a number. ``first``, ``last`` ... of a metric are columns
of its summary. ``ranked`` is its last value once more, and ``metrics.experiment`` that of its run,
for an index to have an experiment's metrics in their order; both are null while the run goes on,
for each new point would change the index. ``chunks`` hold the history of metrics with many points,
each with its outline where it is long (see :mod:`fitprint.stores.sampling`); ``packs`` hold points
of metrics that have few, those of several metrics of a run in each: of the keys from ``low`` to
``high``, and of one ``generation`` those that were written together.

``fp_model_versions`` are the versions of ``fp_registered_models``, with files of their own;
``held`` of a model is JSON, the versions to which each alias led, of which ``fp_model_aliases`` has
the last. ``last`` is the number of the last version that there ever was, and ``versions`` how many
there are that were not removed. ``deleted`` of a version is, with a minus, when it was brought back
though the versions of its time are gone: ``cleared`` is when a removed model began anew.

``heard`` of a journal is when there was a sign of life of its writer, null for writers that give
none.

``experiment_names`` says who bore a name since when (see :mod:`fitprint.stores.experiments`);
``decisions`` what became of acts.

``change`` is the number of the latest change of a run or an experiment (see
:mod:`fitprint.stores.changes`), ``change_ended`` and its like those of the latest of each kind;
null for what was purged before there were numbers. ``consumers`` says who follows them.

``facts`` has the store's ``id``, drawn when it was made, and the lowest number of steps that a
fitprint must know to read it (``readers``) and to write to it (``writers``). A step after which an
older version would misread or spoil something raises them.

``facts`` has the URL of the artifact store, too (``artifacts``), once it is chosen; from then on
``blobs`` says of the bytes of artifacts which journal logged them first and when they arrived there
(null: they have not). ``size`` is null for what arrived before it was logged.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["STEPS"]

STEPS: Sequence[Sequence[str]] = (
    (
        (
            "CREATE TABLE experiments (no {identity}, name {text} NOT NULL UNIQUE, created BIGINT "
            "NOT NULL)"
        ),
        "CREATE TABLE keys (no {identity}, name {text} NOT NULL UNIQUE)",
        (
            "CREATE TABLE journals (journal {text} NOT NULL PRIMARY KEY, position BIGINT NOT NULL, "
            "writer {text} NOT NULL)"
        ),
        """CREATE TABLE runs (
            no {identity},
            id {text} NOT NULL UNIQUE,
            name {text} NOT NULL,
            experiment BIGINT,
            status {text} NOT NULL,
            start_time BIGINT NOT NULL,
            end_time BIGINT,
            last_time BIGINT NOT NULL,
            parent_id {text},
            kind {text} NOT NULL,
            error {text},
            deleted_time BIGINT,
            opened BIGINT NOT NULL,
            owner {text}
        )""",
        "CREATE INDEX runs_by_start ON runs (start_time)",
        "CREATE INDEX runs_by_experiment ON runs (experiment, start_time)",
        "CREATE INDEX runs_by_name ON runs (name)",
        "CREATE INDEX runs_by_parent ON runs (parent_id) WHERE parent_id IS NOT NULL",
        "CREATE INDEX runs_open ON runs (owner) WHERE status = 'RUNNING'",
        """CREATE TABLE params (
            run BIGINT NOT NULL,
            key BIGINT NOT NULL,
            type {text} NOT NULL,
            number DOUBLE PRECISION,
            text {text} NOT NULL,
            provenance {text} NOT NULL,
            spilled {text},
            PRIMARY KEY (run, key)
        ){clustered}""",
        """CREATE TABLE metrics (
            run BIGINT NOT NULL,
            key BIGINT NOT NULL,
            last DOUBLE PRECISION,
            last_step BIGINT NOT NULL,
            last_time BIGINT NOT NULL,
            least DOUBLE PRECISION,
            least_step BIGINT NOT NULL,
            most DOUBLE PRECISION,
            most_step BIGINT NOT NULL,
            first DOUBLE PRECISION,
            points BIGINT NOT NULL,
            goal {text} NOT NULL,
            best DOUBLE PRECISION,
            PRIMARY KEY (run, key)
        ){clustered}""",
        (
            "CREATE TABLE tags (run BIGINT NOT NULL, key BIGINT NOT NULL, value {text} NOT NULL, "
            "PRIMARY KEY (run, key)){clustered}"
        ),
        """CREATE TABLE chunks (
            run BIGINT NOT NULL,
            key BIGINT NOT NULL,
            start BIGINT NOT NULL,
            points BIGINT NOT NULL,
            content {bytes} NOT NULL,
            PRIMARY KEY (run, key, start)
        )""",
        """CREATE TABLE datasets (
            no {identity},
            run BIGINT NOT NULL,
            name {text} NOT NULL,
            role {text} NOT NULL,
            digest {text} NOT NULL,
            facts {bytes} NOT NULL,
            UNIQUE (run, name, role, digest)
        )""",
        """CREATE TABLE models (
            no {identity},
            run BIGINT NOT NULL,
            path {text} NOT NULL,
            flavor {text} NOT NULL,
            digest {text} NOT NULL,
            facts {bytes} NOT NULL,
            UNIQUE (run, path)
        )""",
        """CREATE TABLE artifacts (
            run BIGINT NOT NULL,
            path {text} NOT NULL,
            digest {text} NOT NULL,
            size BIGINT NOT NULL,
            PRIMARY KEY (run, path)
        ){clustered}""",
        (
            "CREATE TABLE documents (run BIGINT NOT NULL, name {text} NOT NULL, content {bytes} "
            "NOT NULL, PRIMARY KEY (run, name))"
        ),
        """CREATE TABLE catalogue (
            experiment BIGINT NOT NULL,
            entity {text} NOT NULL,
            key BIGINT NOT NULL,
            PRIMARY KEY (experiment, entity, key)
        ){clustered}""",
    ),
    (
        "CREATE TABLE facts (name {text} NOT NULL PRIMARY KEY, value {text} NOT NULL){clustered}",
        "INSERT INTO facts (name, value) VALUES ('id', '{id}'), ('readers', '2'), ('writers', '2')",
    ),
    (
        "ALTER TABLE experiments ADD COLUMN id {text}",
        "ALTER TABLE experiments ADD COLUMN archived BIGINT",
        "ALTER TABLE experiments ADD COLUMN note {text} NOT NULL DEFAULT ''",
        "UPDATE experiments SET id = {random}",
        "CREATE UNIQUE INDEX experiments_by_id ON experiments (id)",
        """CREATE TABLE experiment_tags (
            experiment BIGINT NOT NULL,
            name {text} NOT NULL,
            value {text} NOT NULL,
            PRIMARY KEY (experiment, name)
        ){clustered}""",
        """CREATE TABLE experiment_names (
            name {text} NOT NULL,
            since BIGINT NOT NULL,
            experiment BIGINT NOT NULL,
            PRIMARY KEY (name, since)
        ){clustered}""",
        (
            "INSERT INTO experiment_names (name, since, experiment) SELECT name, "
            "-9223372036854775807 - 1, no FROM experiments"
        ),
        "ALTER TABLE runs ADD COLUMN moved BIGINT",
        "ALTER TABLE runs ADD COLUMN renamed BIGINT",
        "CREATE TABLE purged (run {text} NOT NULL PRIMARY KEY){clustered}",
        """CREATE TABLE decisions (
            id {text} NOT NULL PRIMARY KEY,
            act {text} NOT NULL,
            subject {text} NOT NULL,
            subject_id {text} NOT NULL,
            actor {text} NOT NULL,
            requested_at BIGINT NOT NULL,
            decided_at BIGINT NOT NULL,
            refusal {text}
        )""",
        "CREATE INDEX decisions_by_subject ON decisions (subject_id, decided_at)",
        "UPDATE facts SET value = '3' WHERE name IN ('readers', 'writers')",
    ),
    (
        """CREATE TABLE blobs (
            digest {text} NOT NULL PRIMARY KEY,
            size BIGINT,
            journal {text},
            arrived BIGINT
        ){clustered}""",
        "CREATE INDEX blobs_pending ON blobs (digest) WHERE arrived IS NULL AND size IS NOT NULL",
        "UPDATE facts SET value = '4' WHERE name = 'writers'",
    ),
    (
        "ALTER TABLE chunks ADD COLUMN outline {bytes}",
        """CREATE TABLE packs (
            run BIGINT NOT NULL,
            generation BIGINT NOT NULL,
            part BIGINT NOT NULL,
            low BIGINT NOT NULL,
            high BIGINT NOT NULL,
            points BIGINT NOT NULL,
            content {bytes} NOT NULL,
            PRIMARY KEY (run, generation, part)
        )""",
        "UPDATE facts SET value = '5' WHERE name IN ('readers', 'writers')",
    ),
    (
        "ALTER TABLE runs ADD COLUMN change BIGINT",
        "ALTER TABLE runs ADD COLUMN change_started BIGINT",
        "ALTER TABLE runs ADD COLUMN change_recorded BIGINT",
        "ALTER TABLE runs ADD COLUMN change_ended BIGINT",
        "ALTER TABLE runs ADD COLUMN change_edited BIGINT",
        "UPDATE runs SET change = no, change_started = no, change_recorded = no",
        "UPDATE runs SET change_ended = no WHERE status <> 'RUNNING'",
        "CREATE INDEX runs_by_change ON runs (change)",
        "ALTER TABLE experiments ADD COLUMN change BIGINT",
        "ALTER TABLE experiments ADD COLUMN change_started BIGINT",
        "ALTER TABLE experiments ADD COLUMN change_edited BIGINT",
        "UPDATE experiments SET change = no + (SELECT COALESCE(MAX(no), 0) FROM runs)",
        "UPDATE experiments SET change_started = change",
        "CREATE INDEX experiments_by_change ON experiments (change)",
        "ALTER TABLE purged ADD COLUMN change BIGINT",
        "CREATE INDEX purged_by_change ON purged (change)",
        """CREATE TABLE consumers (
            name {text} NOT NULL PRIMARY KEY,
            holder {text} NOT NULL,
            cursor {text} NOT NULL,
            until BIGINT NOT NULL
        ){clustered}""",
        "UPDATE facts SET value = '6' WHERE name = 'writers'",
    ),
    (
        "ALTER TABLE experiments RENAME TO fp_experiments",
        "ALTER TABLE keys RENAME TO fp_keys",
        "ALTER TABLE journals RENAME TO fp_journals",
        "ALTER TABLE runs RENAME TO fp_runs",
        "ALTER TABLE params RENAME TO fp_params",
        "ALTER TABLE metrics RENAME TO fp_metrics",
        "ALTER TABLE tags RENAME TO fp_tags",
        "ALTER TABLE chunks RENAME TO fp_chunks",
        "ALTER TABLE datasets RENAME TO fp_datasets",
        "ALTER TABLE models RENAME TO fp_models",
        "ALTER TABLE artifacts RENAME TO fp_artifacts",
        "ALTER TABLE documents RENAME TO fp_documents",
        "ALTER TABLE catalogue RENAME TO fp_catalogue",
        "ALTER TABLE experiment_tags RENAME TO fp_experiment_tags",
        "ALTER TABLE experiment_names RENAME TO fp_experiment_names",
        "ALTER TABLE purged RENAME TO fp_purged",
        "ALTER TABLE decisions RENAME TO fp_decisions",
        "ALTER TABLE blobs RENAME TO fp_blobs",
        "ALTER TABLE packs RENAME TO fp_packs",
        "ALTER TABLE consumers RENAME TO fp_consumers",
        """CREATE VIEW runs AS SELECT
            r.id,
            r.name,
            e.name AS experiment,
            r.status,
            {time[r.start_time]} AS start_time,
            {time[r.end_time]} AS end_time,
            (r.end_time - r.start_time) / 1000000.0 AS duration,
            r.parent_id,
            r.kind,
            r.error,
            {time[r.last_time]} AS last_time,
            {time[r.deleted_time]} AS deleted_time
        FROM fp_runs r JOIN fp_experiments e ON e.no = r.experiment""",
        """CREATE VIEW params AS SELECT
            r.id AS run_id,
            k.name AS key,
            {param[p]} AS value,
            p.type,
            p.provenance,
            p.spilled AS artifact
        FROM fp_params p JOIN fp_runs r ON r.no = p.run JOIN fp_keys k ON k.no = p.key WHERE r.experiment IS NOT NULL""",  # noqa: E501
        """CREATE VIEW metrics AS SELECT
            r.id AS run_id,
            k.name AS key,
            m.last,
            m.last_step,
            {time[m.last_time]} AS last_time,
            m.first,
            m.least AS min,
            m.least_step AS min_step,
            m.most AS max,
            m.most_step AS max_step,
            m.best,
            CASE m.goal WHEN 'min' THEN m.least_step ELSE m.most_step END AS best_step,
            m.goal,
            m.points AS count
        FROM fp_metrics m JOIN fp_runs r ON r.no = m.run JOIN fp_keys k ON k.no = m.key WHERE r.experiment IS NOT NULL""",  # noqa: E501
        """CREATE VIEW tags AS SELECT r.id AS run_id, k.name AS key, t.value
        FROM fp_tags t JOIN fp_runs r ON r.no = t.run JOIN fp_keys k ON k.no = t.key WHERE r.experiment IS NOT NULL""",  # noqa: E501
        """CREATE VIEW datasets AS SELECT
            r.id AS run_id,
            d.name,
            d.role,
            d.digest,
            {json[d.facts]} AS facts
        FROM fp_datasets d JOIN fp_runs r ON r.no = d.run WHERE r.experiment IS NOT NULL""",
        """CREATE VIEW models AS SELECT
            r.id AS run_id,
            m.path,
            m.flavor,
            m.digest,
            {json[m.facts]} AS facts
        FROM fp_models m JOIN fp_runs r ON r.no = m.run WHERE r.experiment IS NOT NULL""",
        """CREATE VIEW artifacts AS SELECT r.id AS run_id, a.path, a.digest, a.size
        FROM fp_artifacts a JOIN fp_runs r ON r.no = a.run WHERE r.experiment IS NOT NULL""",
        """CREATE VIEW documents AS SELECT r.id AS run_id, d.name, {json[d.content]} AS content
        FROM fp_documents d JOIN fp_runs r ON r.no = d.run WHERE r.experiment IS NOT NULL""",
        """CREATE VIEW experiments AS SELECT
            e.id,
            e.no AS number,
            e.name,
            e.note,
            {time[e.created]} AS created,
            {time[e.archived]} AS archived_time,
            (SELECT COUNT(*) FROM fp_runs r WHERE r.experiment = e.no AND r.deleted_time IS NULL) AS run_count
        FROM fp_experiments e""",  # noqa: E501
        """CREATE VIEW experiment_tags AS SELECT e.id AS experiment_id, t.name AS key, t.value
        FROM fp_experiment_tags t JOIN fp_experiments e ON e.no = t.experiment""",
        """CREATE VIEW decisions AS SELECT
            d.id,
            d.act,
            d.subject,
            d.subject_id,
            d.actor,
            {time[d.requested_at]} AS requested_at,
            {time[d.decided_at]} AS decided_at,
            d.refusal
        FROM fp_decisions d""",
        "UPDATE facts SET value = '7' WHERE name IN ('readers', 'writers')",
    ),
    (
        """CREATE TABLE fp_registered_models (
            no {identity},
            id {text} NOT NULL UNIQUE,
            name {text} NOT NULL UNIQUE,
            created BIGINT NOT NULL,
            changed BIGINT NOT NULL,
            note {text} NOT NULL,
            rules {text} NOT NULL,
            last BIGINT NOT NULL,
            versions BIGINT NOT NULL,
            held {text} NOT NULL,
            deleted BIGINT,
            cleared BIGINT,
            change BIGINT,
            change_started BIGINT,
            change_recorded BIGINT,
            change_edited BIGINT
        )""",
        "CREATE INDEX registered_models_by_change ON fp_registered_models (change)",
        (
            "CREATE TABLE fp_registered_model_names (name {text} NOT NULL PRIMARY KEY, model "
            "BIGINT NOT NULL){clustered}"
        ),
        """CREATE TABLE fp_registered_model_tags (
            model BIGINT NOT NULL,
            name {text} NOT NULL,
            value {text} NOT NULL,
            PRIMARY KEY (model, name)
        ){clustered}""",
        """CREATE TABLE fp_model_aliases (
            model BIGINT NOT NULL,
            alias {text} NOT NULL,
            version BIGINT NOT NULL,
            PRIMARY KEY (model, alias)
        ){clustered}""",
        """CREATE TABLE fp_model_versions (
            no {identity},
            id {text} NOT NULL UNIQUE,
            model BIGINT NOT NULL,
            number BIGINT NOT NULL,
            run {text} NOT NULL,
            path {text} NOT NULL,
            flavor {text} NOT NULL,
            digest {text} NOT NULL,
            facts {bytes} NOT NULL,
            created BIGINT NOT NULL,
            actor {text} NOT NULL,
            note {text} NOT NULL,
            stage {text} NOT NULL,
            evaluations {bytes} NOT NULL,
            approvals {text} NOT NULL,
            deleted BIGINT,
            UNIQUE (model, number)
        )""",
        "CREATE INDEX model_versions_by_run ON fp_model_versions (run)",
        "CREATE INDEX model_versions_by_time ON fp_model_versions (created)",
        """CREATE TABLE fp_model_version_tags (
            version BIGINT NOT NULL,
            name {text} NOT NULL,
            value {text} NOT NULL,
            PRIMARY KEY (version, name)
        ){clustered}""",
        "CREATE INDEX model_version_tags_by_name ON fp_model_version_tags (name, value)",
        """CREATE TABLE fp_model_version_artifacts (
            version BIGINT NOT NULL,
            path {text} NOT NULL,
            digest {text} NOT NULL,
            size BIGINT NOT NULL,
            PRIMARY KEY (version, path)
        ){clustered}""",
        "CREATE INDEX model_version_artifacts_by_digest ON fp_model_version_artifacts (digest)",
        "ALTER TABLE fp_journals ADD COLUMN heard BIGINT",
        "ALTER TABLE fp_decisions ADD COLUMN version BIGINT",
        "ALTER TABLE fp_decisions ADD COLUMN alias {text}",
        "ALTER TABLE fp_decisions ADD COLUMN earlier BIGINT",
        "ALTER TABLE fp_decisions ADD COLUMN reason {text} NOT NULL DEFAULT ''",
        "ALTER TABLE fp_decisions ADD COLUMN about {text} NOT NULL DEFAULT ''",
        (
            "CREATE INDEX decisions_by_alias ON fp_decisions (subject_id, alias, decided_at) WHERE "
            "alias IS NOT NULL"
        ),
        "DROP VIEW decisions",
        """CREATE VIEW decisions AS SELECT
            d.id,
            d.act,
            d.subject,
            d.subject_id,
            d.actor,
            {time[d.requested_at]} AS requested_at,
            {time[d.decided_at]} AS decided_at,
            d.refusal,
            d.version,
            d.alias,
            d.earlier AS before,
            d.reason,
            d.about
        FROM fp_decisions d""",
        """CREATE VIEW registered_models AS SELECT
            m.id,
            m.name,
            m.note,
            {time[m.created]} AS created,
            {time[m.changed]} AS changed,
            (
                SELECT MAX(v.number) FROM fp_model_versions v
                WHERE v.model = m.no AND m.deleted IS NULL
                    AND COALESCE(v.deleted, 0) <= 0 AND (m.cleared IS NULL OR v.created >= m.cleared OR -v.deleted >= m.cleared)
            ) AS latest,
            {time[m.deleted]} AS deleted_time
        FROM fp_registered_models m""",  # noqa: E501
        """CREATE VIEW registered_model_tags AS SELECT m.name, t.name AS key, t.value
        FROM fp_registered_model_tags t JOIN fp_registered_models m ON m.no = t.model""",
        """CREATE VIEW model_aliases AS SELECT m.name, a.alias, a.version
        FROM fp_model_aliases a JOIN fp_registered_models m ON m.no = a.model""",
        """CREATE VIEW model_versions AS SELECT
            v.name,
            v.number AS version,
            v.run AS run_id,
            v.path,
            v.flavor,
            v.digest,
            {json[v.facts]} AS facts,
            {time[v.created]} AS created,
            v.actor,
            v.note,
            v.stage,
            {time[v.removed]} AS deleted_time
        FROM (
            SELECT
                m.name, o.number, o.run, o.path, o.flavor, o.digest, o.facts, o.created, o.actor, o.note, o.stage,
                COALESCE(
                    CASE WHEN o.deleted > 0 THEN o.deleted END,
                    m.deleted,
                    CASE WHEN o.created < m.cleared AND COALESCE(-o.deleted, 0) < m.cleared THEN m.cleared END
                ) AS removed
            FROM fp_model_versions o JOIN fp_registered_models m ON m.no = o.model
        ) v""",  # noqa: E501
        """CREATE VIEW model_version_tags AS SELECT m.name, v.number AS version, t.name AS key, t.value
        FROM fp_model_version_tags t JOIN fp_model_versions v ON v.no = t.version JOIN fp_registered_models m ON m.no = v.model""",  # noqa: E501
        "UPDATE facts SET value = '8' WHERE name = 'writers'",
    ),
    (
        "ALTER TABLE fp_metrics ADD COLUMN experiment BIGINT",
        "ALTER TABLE fp_metrics ADD COLUMN ranked DOUBLE PRECISION",
        (
            "UPDATE fp_metrics SET ranked = last, experiment = (SELECT r.experiment FROM fp_runs r "
            "WHERE r.no = fp_metrics.run) WHERE run IN (SELECT no FROM fp_runs WHERE status <> "
            "'RUNNING' AND experiment IS NOT NULL)"
        ),
        (
            "CREATE INDEX metrics_by_rank ON fp_metrics (experiment, key, ranked, run) WHERE "
            "ranked IS NOT NULL"
        ),
        "CREATE INDEX runs_going_on ON fp_runs (experiment) WHERE status = 'RUNNING'",
        "UPDATE facts SET value = '9' WHERE name = 'writers'",
    ),
)
