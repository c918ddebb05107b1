-- Double entry, append-only. An entry is one business transaction; its postings sum to zero in one currency.
-- Accounts are (company, kind, currency); only a wallet has a row of its own, because only its balance can refuse
-- and so must be locked: every other balance is the sum of its postings.
-- A wallet's balance is what the company has: a charge posts −amount to 'wallet' and +amount to 'revenue'.
CREATE TABLE wallets (
  company_id   BINARY(16)      NOT NULL,
  id           BINARY(16)      NOT NULL,
  currency     CHAR(3)         CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  balance      DECIMAL(38,12)  NOT NULL DEFAULT 0, -- a cache: `tollgate ledger verify` replays it
  credit_limit DECIMAL(38,12)  NOT NULL DEFAULT 0,
  version      BIGINT UNSIGNED NOT NULL DEFAULT 0, -- entries that touched it
  created_at   DATETIME(6)     NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY company_currency (company_id, currency)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE ledger_entries (
  company_id   BINARY(16)   NOT NULL,
  id           BINARY(16)   NOT NULL, -- UUIDv7: ascending in time
  kind         VARCHAR(32)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- usage.charged, wallet.topped_up, …
  operation_id BINARY(16)   NULL,     -- the operation that caused it
  event_count  INT UNSIGNED NOT NULL DEFAULT 0, -- usage events it sums up (usage_events.entry_id points back)
  description  VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL DEFAULT '',
  created_at   DATETIME(6)  NOT NULL,
  PRIMARY KEY (company_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE ledger_postings (
  company_id    BINARY(16)     NOT NULL,
  entry_id      BINARY(16)     NOT NULL,
  leg           TINYINT UNSIGNED NOT NULL,
  account       VARCHAR(32)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- wallet, revenue, receivable, tax, clearing, …
  wallet_id     BINARY(16)     NULL, -- of account 'wallet'
  currency      CHAR(3)        CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  amount        DECIMAL(38,12) NOT NULL,
  balance_after DECIMAL(38,12) NULL, -- of the wallet
  PRIMARY KEY (company_id, entry_id, leg),
  KEY wallet (wallet_id, entry_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- One row for each accepted operation with a key of its caller: every repeat gets the first answer.
CREATE TABLE operations (
  company_id      BINARY(16)   NOT NULL, -- of the caller
  idempotency_key VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  id              BINARY(16)   NOT NULL,
  route           VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  request_hash    BINARY(32)   NOT NULL,
  status          SMALLINT UNSIGNED NOT NULL,
  response        MEDIUMTEXT   NOT NULL,
  created_at      DATETIME(6)  NOT NULL,
  PRIMARY KEY (company_id, idempotency_key)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
