-- Companies form a tree: the platform (root) → agencies → clients. company_tree is its transitive closure (each
-- company is its own descendant at depth 0), so that "own or below" is one indexed join.
CREATE TABLE companies (
  id            BINARY(16)   NOT NULL,
  parent_id     BINARY(16)   NULL,
  name          VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_nopad_ci NOT NULL,
  external_ref  VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NULL, -- the parent's own name for it, unique below it
  status        ENUM('active','suspended') NOT NULL DEFAULT 'active',
  currency      CHAR(3)      CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  timezone      VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'UTC',
  country       CHAR(2)      CHARACTER SET ascii COLLATE ascii_bin NULL,
  rate_deck_id  BINARY(16)   NULL,
  pricing       JSON         NULL, -- plan parameters for pricing.rate_usage: charge_decimals, rounding, rate_at, windows, tiers, …
  created_at    DATETIME(6)  NOT NULL,
  updated_at    DATETIME(6)  NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY parent_ref (parent_id, external_ref)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE company_tree (
  ancestor_id   BINARY(16) NOT NULL,
  descendant_id BINARY(16) NOT NULL,
  depth         SMALLINT UNSIGNED NOT NULL,
  PRIMARY KEY (ancestor_id, descendant_id),
  KEY descendant (descendant_id, ancestor_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
