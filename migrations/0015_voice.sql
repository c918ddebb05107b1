-- Where Vapi and Retell ask whether a call may begin, and say what it was: one row for each account of theirs. What a
-- provider proves itself with is a sealed value.
CREATE TABLE voice_endpoints (
  id         BINARY(16)   NOT NULL, -- UUIDv7; a part of the address, so it is found without knowing whose it is
  company_id BINARY(16)   NOT NULL, -- whose calls they are
  provider   ENUM('vapi','retell') NOT NULL,
  name       VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  settings   JSON         NOT NULL, -- as sent, with what was left out filled in
  created_at DATETIME(6)  NOT NULL,
  updated_at DATETIME(6)  NOT NULL,
  PRIMARY KEY (id),
  KEY company (company_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
