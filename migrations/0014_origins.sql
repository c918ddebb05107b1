-- Which pages' origins companies have named (settings.cors_origins): read by all, for preflights.
ALTER TABLE companies
  ADD cors_origins TEXT CHARACTER SET ascii COLLATE ascii_bin
    GENERATED ALWAYS AS (JSON_EXTRACT(settings, '$.cors_origins')) STORED AFTER settings,
  ADD KEY cors_origins (cors_origins(16));
