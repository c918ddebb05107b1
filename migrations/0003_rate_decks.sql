-- A deck is immutable in versions: rows of a version are written once (state 'loading'), then the deck points to it.
-- Old versions stay: a rated line names its deck version and can be explained for ever.
CREATE TABLE rate_decks (
  company_id     BINARY(16)   NOT NULL, -- the seller that owns it
  id             BINARY(16)   NOT NULL,
  name           VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  currency       CHAR(3)      CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  active_version INT UNSIGNED NOT NULL DEFAULT 0, -- 0: nothing loaded yet
  created_at     DATETIME(6)  NOT NULL,
  updated_at     DATETIME(6)  NOT NULL,
  PRIMARY KEY (company_id, id),
  UNIQUE KEY id (id),
  UNIQUE KEY name (company_id, name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE rate_deck_versions (
  deck_id     BINARY(16)   NOT NULL,
  version     INT UNSIGNED NOT NULL,
  state       ENUM('loading','ready') NOT NULL,
  source_hash BINARY(32)   NOT NULL, -- SHA-256 of the file: the same file again is the same version
  row_count   INT UNSIGNED NOT NULL DEFAULT 0,
  report      JSON         NOT NULL, -- priced, blocked, rejected and the first rejected rows
  created_at  DATETIME(6)  NOT NULL,
  PRIMARY KEY (deck_id, version)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE rate_deck_rows (
  deck_id     BINARY(16)     NOT NULL,
  version     INT UNSIGNED   NOT NULL,
  row_no      INT UNSIGNED   NOT NULL,
  prefix      VARCHAR(15)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  name        VARCHAR(120)   CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL DEFAULT '',
  per_minute  DECIMAL(38,12) NOT NULL,
  connect_fee DECIMAL(38,12) NOT NULL DEFAULT 0,
  initial_s   INT UNSIGNED   NOT NULL,
  increment_s INT UNSIGNED   NOT NULL,
  min_s       INT UNSIGNED   NOT NULL DEFAULT 0,
  valid_from  DATETIME(6)    NULL, -- NULL: always was
  valid_to    DATETIME(6)    NULL, -- NULL: for ever
  blocked     TINYINT        NOT NULL DEFAULT 0,
  when_window VARCHAR(31)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
  steps       JSON           NULL, -- [{"after_s":60,"per_minute":"0.04"}]
  PRIMARY KEY (deck_id, version, row_no),
  KEY prefix (deck_id, version, prefix)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
