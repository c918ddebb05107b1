-- What tests/bench/peers/fastify/calls.mjs keeps of live calls.
CREATE TABLE bench_call_wallets (
  company_id   CHAR(32)       CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  external_ref VARCHAR(100)   NOT NULL,
  balance      DECIMAL(38,12) NOT NULL DEFAULT 0,
  credit_limit DECIMAL(38,12) NOT NULL DEFAULT 0,
  held         DECIMAL(38,12) NOT NULL DEFAULT 0
) ENGINE=InnoDB;
CREATE TABLE bench_calls (
  id           BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  company_id   CHAR(32)       CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  call_id      VARCHAR(200)   NOT NULL,
  state        ENUM('open','settled') NOT NULL,
  request      JSON           NOT NULL,
  held         DECIMAL(38,12) NOT NULL,
  debited      DECIMAL(38,12) NOT NULL DEFAULT 0,
  charge       DECIMAL(38,12) NULL,
  seq          INT UNSIGNED   NOT NULL DEFAULT 0,
  authorized   TEXT           NOT NULL,
  renewed      TEXT           NULL,
  settled      TEXT           NULL,
  UNIQUE KEY call_id (company_id, call_id)
) ENGINE=InnoDB;
CREATE TABLE bench_call_entries (
  id           BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  company_id   CHAR(32)       CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  call_id      VARCHAR(200)   NOT NULL,
  amount       DECIMAL(38,12) NOT NULL
) ENGINE=InnoDB;
