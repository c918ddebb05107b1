-- Live calls: money held for them, what became of them, and what a company's calls are limited by.

ALTER TABLE companies
  ADD has_allowances TINYINT NOT NULL DEFAULT 0 AFTER pricing, -- free seconds may exist
  ADD limits   JSON NULL AFTER has_allowances, -- of calls, for charging.admit: concurrent_calls, calls_per_minute, …; set from above
  ADD settings JSON NULL AFTER limits;  -- the company's own: policies, origins, parameters of rules

-- A hold moves no money: it is no posting, but a figure under the wallet's lock that a decision may not pass.
ALTER TABLE wallets
  ADD held        DECIMAL(38,12) NOT NULL DEFAULT 0 AFTER credit_limit, -- a cache: the sum of calls.held
  ADD open_calls  INT UNSIGNED   NOT NULL DEFAULT 0 AFTER held,         -- a cache, too
  ADD has_credits TINYINT        NOT NULL DEFAULT 0 AFTER open_calls,   -- credits with something left may exist
  ADD alert_below DECIMAL(38,12) NULL AFTER has_credits, -- the band between two levels of the balance; whoever
  ADD alert_above DECIMAL(38,12) NULL AFTER alert_below; -- moves it out (< below, >= above) leaves a job behind

-- A part of a wallet's balance that is taken first, by priority, expiry and id; the rest of the balance comes last.
CREATE TABLE credits (
  company_id BINARY(16)     NOT NULL,
  id         BINARY(16)     NOT NULL,
  wallet_id  BINARY(16)     NOT NULL,
  kind       ENUM('promotion','prepaid') NOT NULL,
  priority   SMALLINT       NOT NULL DEFAULT 0, -- smaller first
  granted    DECIMAL(38,12) NOT NULL,
  remaining  DECIMAL(38,12) NOT NULL, -- a cache: granted less the draws
  expires_at DATETIME(6)    NULL,     -- NULL: never, and last of its priority
  note       VARCHAR(255)   CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL DEFAULT '',
  entry_id   BINARY(16)     NOT NULL, -- that granted it
  created_at DATETIME(6)    NOT NULL,
  PRIMARY KEY (company_id, id),
  KEY wallet (wallet_id, remaining),
  KEY expiry (expires_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- What an entry took from a credit; negative: given back.
CREATE TABLE credit_draws (
  company_id BINARY(16)     NOT NULL,
  entry_id   BINARY(16)     NOT NULL,
  credit_id  BINARY(16)     NOT NULL,
  amount     DECIMAL(38,12) NOT NULL,
  PRIMARY KEY (company_id, entry_id, credit_id),
  KEY credit (credit_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- A company's parameters as usage was priced by; the id is a hash of the rest.
CREATE TABLE call_plans (
  company_id BINARY(16)  NOT NULL,
  id         BINARY(16)  NOT NULL,
  currency   CHAR(3)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  timezone   VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  country    CHAR(2)     CHARACTER SET ascii COLLATE ascii_bin NULL,
  pricing    JSON        NULL,
  created_at DATETIME(6) NOT NULL,
  PRIMARY KEY (company_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

ALTER TABLE usage_events
  ADD plan_id BINARY(16) NULL AFTER deck_version; -- call_plans: the parameters it was priced by

-- A call from its authorization on. The answers are kept as they were given, so that a repeat gets the same bytes.
CREATE TABLE calls (
  company_id       BINARY(16)     NOT NULL,
  id               BINARY(16)     NOT NULL, -- UUIDv7 of the authorization
  call_key         BINARY(16)     NOT NULL, -- first 16 bytes of SHA-256(call_id)
  call_id          VARCHAR(200)   CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL, -- the caller's
  state            ENUM('open','settled','expired') NOT NULL,
  request_hash     BINARY(16)     NOT NULL, -- of what was authorized: another body with this call_id is a conflict
  request          JSON           NOT NULL, -- from, to, direction, agent_id, meters, properties
  opened_at        DATETIME(6)    NOT NULL,
  answered_at      DATETIME(6)    NULL,
  closed_at        DATETIME(6)    NULL,
  expires_at       DATETIME(6)    NULL, -- NULL: closed
  seq              INT UNSIGNED   NOT NULL DEFAULT 0, -- of the last renewal
  used_s           INT UNSIGNED   NOT NULL DEFAULT 0, -- since answer, as reported
  granted_s        INT UNSIGNED   NOT NULL,           -- since answer, as held for
  held             DECIMAL(38,12) NOT NULL,
  debited          DECIMAL(38,12) NOT NULL DEFAULT 0, -- by renewals (call_debits)
  charge           DECIMAL(38,12) NULL,               -- in all; NULL: open
  overrun          DECIMAL(38,12) NOT NULL DEFAULT 0, -- of the charge, beyond what was held
  currency         CHAR(3)        CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  status           VARCHAR(32)    CHARACTER SET ascii COLLATE ascii_bin NULL, -- answered, busy, no_answer, …
  duration_ms      BIGINT         NULL,
  stop_reason      VARCHAR(64)    CHARACTER SET ascii COLLATE ascii_bin NULL, -- somebody asked to end it
  counted          TINYINT UNSIGNED NOT NULL DEFAULT 0, -- 1: its number, 2: its agent stands in call_counters
  consumed         JSON           NULL, -- of tiers and allowances: what it has used or keeps for the slice
  rule_bundle      BINARY(32)     NOT NULL,
  plan_id          BINARY(16)     NOT NULL,
  deck_id          BINARY(16)     NULL,
  deck_version     INT UNSIGNED   NULL,
  entry_id         BINARY(16)     NULL, -- that charged what was left at the end
  authorize_answer TEXT           NOT NULL,
  renew_answer     TEXT           NULL, -- of `seq`
  settle_answer    MEDIUMTEXT     NULL,
  late_report      JSON           NULL, -- a settle that came after the expiry, filed once
  late_difference  DECIMAL(38,12) NULL, -- its price less the charge
  version          INT UNSIGNED   NOT NULL DEFAULT 1, -- grows with each change
  PRIMARY KEY (company_id, id),
  UNIQUE KEY call_key (company_id, call_key),
  KEY due (expires_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- What a renewal charged; the end's part is calls.charge less calls.debited, by calls.entry_id.
CREATE TABLE call_debits (
  company_id BINARY(16)     NOT NULL,
  entry_id   BINARY(16)     NOT NULL,
  call_id    BINARY(16)     NOT NULL, -- calls.id
  seq        INT UNSIGNED   NOT NULL,
  amount     DECIMAL(38,12) NOT NULL,
  PRIMARY KEY (company_id, entry_id, call_id, seq),
  KEY by_call (call_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Calls of companies with limits: how many are open on a number or of an agent, how many began in a minute.
CREATE TABLE call_counters (
  company_id BINARY(16)   NOT NULL,
  counter    BINARY(16)   NOT NULL, -- first 16 bytes of SHA-256("number:…", "agent:…", "begun", "begun:number:…")
  minute     INT UNSIGNED NOT NULL, -- since 1970; 0: open now
  n          INT          NOT NULL,
  PRIMARY KEY (company_id, counter, minute),
  KEY by_minute (minute)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- What the rating of a period depends on: charged seconds (tiers), and what the models of plan.prices remember.
CREATE TABLE rating_states (
  company_id BINARY(16)      NOT NULL,
  period     DATE            NOT NULL, -- first day, in the company's zone; 1000-01-01: what all periods share
  counter_s  BIGINT UNSIGNED NOT NULL DEFAULT 0,
  meters     JSON            NULL,
  PRIMARY KEY (company_id, period)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Free seconds.
CREATE TABLE allowances (
  company_id  BINARY(16)   NOT NULL,
  id          BINARY(16)   NOT NULL,
  granted_s   INT UNSIGNED NOT NULL,
  remaining_s INT UNSIGNED NOT NULL,
  priority    SMALLINT     NOT NULL DEFAULT 0,
  prefixes    JSON         NULL, -- NULL: any destination
  starts_at   DATETIME(6)  NOT NULL,
  expires_at  DATETIME(6)  NULL,
  note        VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL DEFAULT '',
  created_at  DATETIME(6)  NOT NULL,
  PRIMARY KEY (company_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Each link seals the entries of its company from first_id to last_id, with their postings and draws, and the link
-- before (lua/chains/service.lua).
CREATE TABLE ledger_chain (
  company_id BINARY(16)   NOT NULL,
  seq        INT UNSIGNED NOT NULL, -- 1, 2, 3 …
  first_id   BINARY(16)   NOT NULL,
  last_id    BINARY(16)   NOT NULL,
  n          INT UNSIGNED NOT NULL, -- entries
  hash       BINARY(32)   NOT NULL,
  at         DATETIME(6)  NOT NULL,
  PRIMARY KEY (company_id, seq),
  KEY last (company_id, last_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- What usage costs after all: the lines that stood are taken back exactly, new ones are rated where the usage itself
-- was (rating.md R21). The usage stays as it came; of its corrections the last holds.
CREATE TABLE usage_corrections (
  company_id    BINARY(16)     NOT NULL,
  usage_id      BINARY(16)     NOT NULL,
  seq           INT UNSIGNED   NOT NULL, -- 1, 2, 3 …: of two at the same moment one wins
  correction_id BINARY(16)     NOT NULL, -- one for all meters of a call
  call_id       BINARY(16)     NULL,     -- calls.id
  event_time    DATETIME(6)    NOT NULL, -- of the usage: its cost belongs there
  meter         VARCHAR(64)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  quantity      DECIMAL(38,12) NOT NULL,
  properties    JSON           NOT NULL,
  is_void       TINYINT        NOT NULL DEFAULT 0,
  status        ENUM('rated','not_billable') NOT NULL,
  billed_before INT            NOT NULL,
  billed_s      INT            NOT NULL,
  amount_before DECIMAL(38,12) NOT NULL, -- of the usage, or of the correction before
  amount        DECIMAL(38,12) NOT NULL,
  currency      CHAR(3)        CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  reversal      JSON           NOT NULL, -- the lines before, negative
  rating        JSON           NOT NULL,
  consumed      JSON           NULL,     -- of tiers, memories of prices and allowances, by this version
  entry_id      BINARY(16)     NULL,     -- NULL: no money moved
  reason        VARCHAR(500)   CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  actor         VARCHAR(64)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  created_at    DATETIME(6)    NOT NULL,
  PRIMARY KEY (company_id, usage_id, seq),
  KEY by_correction (company_id, correction_id),
  KEY by_call (company_id, call_id),
  KEY by_time (company_id, event_time)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
