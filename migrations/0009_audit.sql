-- What was done and what was refused, and what waits for a second person.

-- The server's user may add rows here and read them, nothing else (grants.txt).
CREATE TABLE audit_log (
  company_id   BINARY(16)   NOT NULL, -- that was acted for
  id           BINARY(16)   NOT NULL,
  at           DATETIME(6)  NOT NULL,
  actor        VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- usr_…, key_…, sys_…; '' is not known
  session_id   BINARY(16)   NULL,
  address      VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  request_id   VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  action       VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- operationId: "identity.create_company"
  object       VARCHAR(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL, -- an id, mostly
  outcome      ENUM('done','refused') NOT NULL,
  before_state JSON         NULL, -- of what has changed, without secrets
  after_state  JSON         NULL,
  PRIMARY KEY (company_id, id),
  UNIQUE KEY id (id),
  KEY by_actor (actor, id),
  KEY by_object (object, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Each link seals the rows of its company from first_id to last_id and the link before (lua/audit/chain.lua).
CREATE TABLE audit_chain (
  company_id BINARY(16)   NOT NULL,
  seq        INT UNSIGNED NOT NULL, -- 1, 2, 3 …
  first_id   BINARY(16)   NOT NULL,
  last_id    BINARY(16)   NOT NULL,
  n          INT UNSIGNED NOT NULL, -- rows
  hash       BINARY(32)   NOT NULL,
  at         DATETIME(6)  NOT NULL,
  PRIMARY KEY (company_id, seq),
  KEY last (company_id, last_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE approvals (
  company_id BINARY(16)   NOT NULL,
  id         BINARY(16)   NOT NULL,
  operation  VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- what happens then: "rules.activate"
  flow       VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- of the rule admin.step
  object     VARCHAR(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL, -- an id, mostly
  input      JSON         NOT NULL,
  state      ENUM('waiting','done','failed','refused','cancelled','expired') NOT NULL,
  proposer   VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  decider    VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NULL,
  result     JSON         NULL, -- what the operation answered, or why it failed
  created_at DATETIME(6)  NOT NULL,
  expires_at DATETIME(6)  NOT NULL,
  decided_at DATETIME(6)  NULL,
  PRIMARY KEY (company_id, id),
  UNIQUE KEY id (id),
  KEY waiting (state, expires_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
