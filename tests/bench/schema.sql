-- The peers' tables: the same indexes as ours on the events.
CREATE TABLE bench_wallets (
  id         BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  company_id CHAR(32)        CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  balance    DECIMAL(38,12)  NOT NULL DEFAULT 0,
  UNIQUE KEY company (company_id)
) ENGINE=InnoDB;
CREATE TABLE bench_events (
  id         BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  dedupe     BINARY(16)      NOT NULL,
  company_id CHAR(32)        CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  source     VARCHAR(100)    NOT NULL,
  event_id   VARCHAR(200)    NOT NULL,
  meter      VARCHAR(64)     NOT NULL,
  event_time DATETIME(6)     NOT NULL,
  quantity   DECIMAL(38,12)  NOT NULL,
  properties JSON            NOT NULL,
  amount     DECIMAL(38,12)  NULL,
  UNIQUE KEY dedupe (dedupe),
  KEY by_time (company_id, event_time)
) ENGINE=InnoDB;
CREATE TABLE bench_entries (
  id         BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  company_id CHAR(32)        CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  amount     DECIMAL(38,12)  NOT NULL
) ENGINE=InnoDB;
