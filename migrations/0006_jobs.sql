-- Work that must happen: claimed with SKIP LOCKED under a lease, retried with backoff, given up as 'dead' and visible.
CREATE TABLE jobs (
  id           BINARY(16)   NOT NULL,
  company_id   BINARY(16)   NULL, -- NULL: of the system
  handler      VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- "feature.jobs:name"
  arguments    JSON         NOT NULL,
  unique_key   VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NULL, -- at most one live job with it
  state        ENUM('ready','running','done','dead') NOT NULL,
  run_at       DATETIME(6)  NOT NULL,
  attempts     INT UNSIGNED NOT NULL DEFAULT 0,
  attempts_max INT UNSIGNED NOT NULL DEFAULT 20,
  lease_until  DATETIME(6)  NULL,
  lease_token  BINARY(16)   NULL, -- who holds it: a late worker's answer is refused
  last_error   VARCHAR(1000) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NULL,
  created_at   DATETIME(6)  NOT NULL,
  updated_at   DATETIME(6)  NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY live (unique_key),
  KEY due (state, run_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE cron (
  name        VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  handler     VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  every_s     INT UNSIGNED NOT NULL,
  next_run_at DATETIME(6)  NOT NULL,
  last_run_at DATETIME(6)  NULL,
  PRIMARY KEY (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
