-- What must be kept and must not be read in a copy of the database: sealed under a master key that is not in it.
CREATE TABLE sealed_values (
  owner_id   BINARY(16)      NOT NULL, -- of the row that the secret belongs to
  name       VARCHAR(40)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- what it is of that row: "totp"
  key_id     BINARY(4)       NOT NULL, -- of the master key, as in the sealed text
  sealed     VARBINARY(8192) NOT NULL, -- AES-256-GCM; opens as this owner's value of this name only
  updated_at DATETIME(6)     NOT NULL,
  PRIMARY KEY (owner_id, name),
  KEY by_key (key_id, owner_id, name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Second factors (RFC 6238); the secret is a sealed value.
CREATE TABLE user_totp (
  user_id      BINARY(16)  NOT NULL,
  state        ENUM('pending','on') NOT NULL, -- pending: the secret was shown, no code has come back yet
  last_step    BIGINT      NOT NULL, -- of the last code that was taken: none of it or before is taken again
  created_at   DATETIME(6) NOT NULL,
  confirmed_at DATETIME(6) NULL,
  PRIMARY KEY (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE user_recovery_codes (
  user_id BINARY(16)  NOT NULL,
  hash    BINARY(32)  NOT NULL, -- HMAC-SHA256 with the user's sealed secret
  used_at DATETIME(6) NULL,
  PRIMARY KEY (user_id, hash)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- What tokens for realtime are signed with (EdDSA); the seed is a sealed value. The youngest that may sign does; each
-- of them verifies until it is deleted.
CREATE TABLE signing_keys (
  id         BINARY(16)  NOT NULL,
  public_key BINARY(32)  NOT NULL,
  created_at DATETIME(6) NOT NULL,
  signs_from DATETIME(6) NOT NULL, -- later than created_at: those who verify have fetched it by then
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
