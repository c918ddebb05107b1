-- A key is shown once; only the SHA-256 of its secret is kept (the secret is 256 random bits, so a fast hash is right).
CREATE TABLE api_keys (
  company_id  BINARY(16)   NOT NULL,
  id          BINARY(16)   NOT NULL,
  name        VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  secret_hash BINARY(32)   NOT NULL,
  permissions JSON         NOT NULL, -- array of "resource:action"; ["*"] is everything
  created_at  DATETIME(6)  NOT NULL,
  expires_at  DATETIME(6)  NULL,
  revoked_at  DATETIME(6)  NULL,
  last_used_at DATETIME(6) NULL,
  PRIMARY KEY (company_id, id),
  UNIQUE KEY id (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
