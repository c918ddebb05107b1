-- Rules: immutable bundles of Lua under the SHA-256 of their files, two slots that say which of them decide, and what
-- the nodes report. The slot's revision only grows: it is the one truth about what is active; Redis merely hints.
CREATE TABLE rule_bundles (
  id         BINARY(32)   NOT NULL, -- SHA-256 of the files (src/rt/bundle.h)
  parent_id  BINARY(32)   NULL,     -- what it was derived from; NULL: the rules of the release
  author     VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- the key or user that published it
  note       VARCHAR(1000) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL DEFAULT '',
  hooks      JSON         NOT NULL, -- [{"hook","path","cases"}]
  created_at DATETIME(6)  NOT NULL,
  PRIMARY KEY (id),
  KEY by_time (created_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE rule_files (
  bundle_id BINARY(32)   NOT NULL,
  path      VARCHAR(120) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- "pricing/rules.lua"
  source    MEDIUMTEXT   CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  PRIMARY KEY (bundle_id, path)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Both rows are there from the start. bundle_id NULL in 'active': the rules of the release; in 'candidate': none.
CREATE TABLE rule_slots (
  role       ENUM('active','candidate') NOT NULL,
  revision   BIGINT UNSIGNED NOT NULL,
  bundle_id  BINARY(32)      NULL,
  share_ppm  INT UNSIGNED    NOT NULL DEFAULT 0, -- candidate: calls of a million that it sees too
  set_by     VARCHAR(64)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  set_at     DATETIME(6)     NOT NULL,
  PRIMARY KEY (role)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
INSERT INTO rule_slots (role, revision, bundle_id, share_ppm, set_by, set_at)
VALUES ('active', 0, NULL, 0, 'migration', UTC_TIMESTAMP(6)), ('candidate', 0, NULL, 0, 'migration', UTC_TIMESTAMP(6));

-- One row for each revision of the active slot.
CREATE TABLE rule_activations (
  revision    BIGINT UNSIGNED NOT NULL,
  bundle_id   BINARY(32)      NULL, -- NULL: the rules of the release
  previous_id BINARY(32)      NULL,
  reason      ENUM('activate','rollback','automatic') NOT NULL,
  detail      VARCHAR(1000)   CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL DEFAULT '', -- of 'automatic': which hook failed how often
  gate        JSON            NULL, -- what was demanded, and what was found
  set_by      VARCHAR(64)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  set_at      DATETIME(6)     NOT NULL,
  PRIMARY KEY (revision)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- What each process last said; a row is dead when seen_at is older than ten seconds.
CREATE TABLE rule_nodes (
  node_id            BINARY(16)      NOT NULL, -- of one process
  host               VARCHAR(100)    CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL, -- "name:pid"
  revision           BIGINT UNSIGNED NOT NULL, -- applied by every thread
  bundle_id          BINARY(32)      NULL,     -- what it decides with, also when that is the release's
  candidate_revision BIGINT UNSIGNED NOT NULL,
  threads            JSON            NOT NULL, -- [{"name":"loop-0","revision":7}]
  error              VARCHAR(1000)   CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NULL, -- why it stays behind
  started_at         DATETIME(6)     NOT NULL,
  seen_at            DATETIME(6)     NOT NULL,
  PRIMARY KEY (node_id),
  KEY seen (seen_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Calls of each hook since the node took the revision: the failure rate that takes an activation back.
CREATE TABLE rule_calls (
  revision BIGINT UNSIGNED NOT NULL,
  node_id  BINARY(16)      NOT NULL,
  hook     VARCHAR(64)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  calls    BIGINT UNSIGNED NOT NULL,
  failures BIGINT UNSIGNED NOT NULL,
  PRIMARY KEY (revision, node_id, hook)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Shadow: cumulative per node and revision of the candidate slot. currency '' and no amounts: the hook has no money.
CREATE TABLE rule_shadow_totals (
  revision         BIGINT UNSIGNED NOT NULL,
  node_id          BINARY(16)      NOT NULL,
  hook             VARCHAR(64)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  company          VARCHAR(64)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- "co_…", '' none
  currency         VARCHAR(3)      CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  same             BIGINT UNSIGNED NOT NULL,
  different        BIGINT UNSIGNED NOT NULL,
  errors           BIGINT UNSIGNED NOT NULL, -- of the candidate
  live_amount      DECIMAL(38,12)  NOT NULL,
  candidate_amount DECIMAL(38,12)  NOT NULL,
  deltas           JSON            NOT NULL, -- {"0.0012": 3, …}: how often each difference in money was seen, bounded
  PRIMARY KEY (revision, node_id, hook, company, currency)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Sampled differences and errors of the candidate, at most 100 a node and revision.
CREATE TABLE rule_shadow_samples (
  revision  BIGINT UNSIGNED NOT NULL,
  node_id   BINARY(16)      NOT NULL,
  number    INT UNSIGNED    NOT NULL,
  hook      VARCHAR(64)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  company   VARCHAR(64)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  input     JSON            NOT NULL,
  live      JSON            NOT NULL,
  candidate JSON            NULL, -- NULL: it failed
  error     VARCHAR(1000)   CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NULL,
  seen_at   DATETIME(6)     NOT NULL,
  PRIMARY KEY (revision, node_id, number)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- A past period rated again with another bundle; worked off in pages by a job, each page and its cursor in one commit.
CREATE TABLE rule_backtests (
  company_id  BINARY(16)   NOT NULL, -- who asked
  id          BINARY(16)   NOT NULL,
  bundle_id   BINARY(32)   NOT NULL,
  from_time   DATETIME(6)  NOT NULL,
  to_time     DATETIME(6)  NOT NULL,
  state       ENUM('waiting','running','done','failed') NOT NULL,
  cursor_text VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '', -- where the next page begins
  events_done BIGINT UNSIGNED NOT NULL DEFAULT 0,
  events      BIGINT UNSIGNED NOT NULL DEFAULT 0, -- how many there are, counted when it began
  report      JSON         NOT NULL,
  error       VARCHAR(1000) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NULL,
  set_by      VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  created_at  DATETIME(6)  NOT NULL,
  updated_at  DATETIME(6)  NOT NULL,
  PRIMARY KEY (company_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
