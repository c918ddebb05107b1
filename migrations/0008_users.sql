-- People: who signs in, what they may do where, and how they prove that they are themselves.
CREATE TABLE users (
  company_id    BINARY(16)   NOT NULL,
  id            BINARY(16)   NOT NULL,
  email         VARCHAR(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL, -- as it was typed
  email_folded  VARCHAR(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL, -- lower case: one person a system
  name          VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_nopad_ci NOT NULL,
  status        ENUM('invited','active','disabled') NOT NULL,
  password_hash VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NULL, -- argon2id; NULL: none chosen yet
  created_at    DATETIME(6)  NOT NULL,
  updated_at    DATETIME(6)  NOT NULL,
  last_login_at DATETIME(6)  NULL,
  PRIMARY KEY (company_id, id),
  UNIQUE KEY id (id),
  UNIQUE KEY email (email_folded)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- A role of a company's own making. The built-in ones are code (lua/users/roles.lua).
CREATE TABLE roles (
  company_id  BINARY(16)   NOT NULL,
  id          BINARY(16)   NOT NULL,
  name        VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_nopad_ci NOT NULL,
  permissions JSON         NOT NULL, -- array of "resource:action"
  created_at  DATETIME(6)  NOT NULL,
  updated_at  DATETIME(6)  NOT NULL,
  PRIMARY KEY (company_id, id),
  UNIQUE KEY id (id),
  UNIQUE KEY name (company_id, name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- A user has a role in a company and all below it.
CREATE TABLE role_assignments (
  user_id    BINARY(16)  NOT NULL,
  company_id BINARY(16)  NOT NULL, -- the top of where it holds
  role       VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- a built-in one; '' when it is a row
  role_id    BINARY(16)  NOT NULL DEFAULT '', -- of roles; zeros when it is built in
  created_at DATETIME(6) NOT NULL,
  PRIMARY KEY (user_id, company_id, role, role_id),
  KEY by_company (company_id),
  KEY by_role (role_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- An invitation or a reset: whoever has the link may choose the password, once.
CREATE TABLE user_links (
  hash       BINARY(32)  NOT NULL, -- SHA-256 of the 256 random bits in the link
  user_id    BINARY(16)  NOT NULL,
  purpose    ENUM('invite','reset') NOT NULL,
  created_at DATETIME(6) NOT NULL,
  expires_at DATETIME(6) NOT NULL,
  used_at    DATETIME(6) NULL,
  PRIMARY KEY (hash),
  KEY user (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE sessions (
  company_id         BINARY(16)   NOT NULL, -- the user's
  id                 BINARY(16)   NOT NULL,
  user_id            BINARY(16)   NOT NULL,
  secret_hash        BINARY(32)   NOT NULL,
  address            VARCHAR(45)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  user_agent         VARCHAR(300) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  created_at         DATETIME(6)  NOT NULL,
  seen_at            DATETIME(6)  NOT NULL, -- written at most every five minutes
  expires_at         DATETIME(6)  NOT NULL, -- whatever happens
  reauthenticated_at DATETIME(6)  NOT NULL, -- when the password was last given
  revoked_at         DATETIME(6)  NULL,
  PRIMARY KEY (company_id, id),
  UNIQUE KEY id (id),
  KEY user (user_id, revoked_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Failed attempts by what they have in common (an address; an address and an e-mail address): who fails often waits,
-- and nobody else does.
CREATE TABLE login_failures (
  bucket   BINARY(32)   NOT NULL, -- SHA-256 of what they have in common
  failures INT UNSIGNED NOT NULL,
  last_at  DATETIME(6)  NOT NULL,
  PRIMARY KEY (bucket),
  KEY by_time (last_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Letters that must be sent; a job sends each once the transaction that wrote it has committed.
CREATE TABLE mails (
  id         BINARY(16)   NOT NULL,
  company_id BINARY(16)   NOT NULL,
  recipient  VARCHAR(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  subject    VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  body       MEDIUMTEXT   CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NULL, -- taken away when it is sent: it may hold a link
  created_at DATETIME(6)  NOT NULL,
  sent_at    DATETIME(6)  NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
