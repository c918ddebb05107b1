-- What somebody should look at, what others are told of, and when a wallet wants money.

-- One row for each time that something went wrong; while it is not over, there is one row of (kind, object) and no more.
CREATE TABLE alerts (
  company_id      BINARY(16)   NOT NULL,
  id              BINARY(16)   NOT NULL, -- UUIDv7
  kind            VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- wallet.low_balance, call.overrun, …
  object          VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL, -- an id, mostly
  open_key        BINARY(16)   NULL, -- first 16 bytes of SHA-256(kind, 0, object); NULL: cleared
  severity        ENUM('info','warning','critical') NOT NULL,
  state           ENUM('open','acknowledged','cleared') NOT NULL,
  text            VARCHAR(500) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  data            JSON         NOT NULL,
  version         INT UNSIGNED NOT NULL DEFAULT 1, -- grows with each change of state
  raised_at       DATETIME(6)  NOT NULL,
  acknowledged_at DATETIME(6)  NULL,
  acknowledged_by VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NULL,
  cleared_at      DATETIME(6)  NULL,
  PRIMARY KEY (company_id, id),
  UNIQUE KEY open_key (company_id, open_key)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- What must be told after a commit, written in its transaction. A row goes when it has been published.
CREATE TABLE outbox (
  id         BIGINT UNSIGNED  NOT NULL AUTO_INCREMENT, -- about the order of commits; the version is the order of an object
  shard      TINYINT UNSIGNED NOT NULL, -- of the company: each shard has one publisher at a time
  company_id BINARY(16)       NOT NULL,
  event      VARCHAR(64)      CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- noun.past_tense
  object     VARCHAR(200)     CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  version    BIGINT UNSIGNED  NOT NULL, -- of the object
  data       JSON             NOT NULL,
  created_at DATETIME(6)      NOT NULL,
  PRIMARY KEY (id),
  KEY shard (shard)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Balances that somebody wants to be told of, once each way.
CREATE TABLE wallet_levels (
  company_id BINARY(16)     NOT NULL,
  wallet_id  BINARY(16)     NOT NULL,
  amount     DECIMAL(38,12) NOT NULL,
  firing     TINYINT        NOT NULL DEFAULT 0, -- what alerts.evaluate answered last
  run        INT UNSIGNED   NOT NULL DEFAULT 0,
  since      DATETIME(6)    NULL,
  PRIMARY KEY (company_id, wallet_id, amount)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE auto_topups (
  company_id  BINARY(16)     NOT NULL,
  wallet_id   BINARY(16)     NOT NULL,
  enabled     TINYINT        NOT NULL,
  threshold   DECIMAL(38,12) NOT NULL,
  amount      DECIMAL(38,12) NOT NULL,
  monthly_max DECIMAL(38,12) NULL, -- in a month of the company's zone; NULL: no bound
  paused      TINYINT        NOT NULL DEFAULT 0, -- an order failed, and the balance has not been above since
  updated_at  DATETIME(6)    NOT NULL,
  PRIMARY KEY (company_id, wallet_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Money that a wallet wants by its rule. Whoever pays it in settles the order; until then there is no second one.
CREATE TABLE topup_orders (
  company_id  BINARY(16)     NOT NULL,
  id          BINARY(16)     NOT NULL, -- UUIDv7
  wallet_id   BINARY(16)     NOT NULL,
  open_wallet BINARY(16)     NULL, -- the wallet while it is wanted
  state       ENUM('wanted','done','failed') NOT NULL,
  amount      DECIMAL(38,12) NOT NULL,
  currency    CHAR(3)        CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  balance     DECIMAL(38,12) NOT NULL, -- that it was wanted at
  entry_id    BINARY(16)     NULL,     -- that brought the money
  reason      VARCHAR(255)   CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NULL, -- why it failed
  wanted_at   DATETIME(6)    NOT NULL,
  closed_at   DATETIME(6)    NULL,
  PRIMARY KEY (company_id, id),
  UNIQUE KEY open_wallet (open_wallet),
  KEY wallet (wallet_id, wanted_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
