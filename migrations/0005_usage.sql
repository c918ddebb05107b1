-- One immutable fact on one meter, with what it was rated at. `dedupe` is the first 16 bytes of
-- SHA-256(source, 0, event_id): one narrow index instead of two wide texts. The first delivery of an event wins.
-- No index on entry_id: each index costs a tenth of ingestion, and the events of an entry have ids just below its own.
CREATE TABLE usage_events (
  company_id    BINARY(16)     NOT NULL,
  id            BINARY(16)     NOT NULL, -- UUIDv7 of acceptance
  dedupe        BINARY(16)     NOT NULL,
  body_hash     BINARY(16)     NOT NULL, -- of the canonical body: same key, other body is a conflict
  source        VARCHAR(100)   CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  event_id      VARCHAR(200)   CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  meter         VARCHAR(64)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  event_time    DATETIME(6)    NOT NULL,
  received_at   DATETIME(6)    NOT NULL,
  quantity      DECIMAL(38,12) NOT NULL,
  call_id       VARCHAR(200)   CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NULL,
  cost_amount   DECIMAL(38,12) NULL, -- provider_cost
  cost_currency CHAR(3)        CHARACTER SET ascii COLLATE ascii_bin NULL,
  properties    JSON           NOT NULL,
  status        ENUM('rated','not_billable','no_rate','blocked','unrated','failed') NOT NULL,
  billed_s      INT UNSIGNED   NULL,
  amount        DECIMAL(38,12) NULL, -- NULL until it has a price
  currency      CHAR(3)        CHARACTER SET ascii COLLATE ascii_bin NULL,
  rating        JSON           NOT NULL, -- the lines, or why there are none
  rule_bundle   BINARY(32)     NOT NULL,
  deck_id       BINARY(16)     NULL,
  deck_version  INT UNSIGNED   NULL,
  entry_id      BINARY(16)     NULL, -- the ledger entry that charged it
  PRIMARY KEY (company_id, id),
  UNIQUE KEY dedupe (company_id, dedupe),
  KEY by_time (company_id, event_time)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
