-- Who made a key, a user or another key: a key is as good as its maker where a second person is asked for.
ALTER TABLE api_keys
  ADD COLUMN created_by VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NULL; -- NULL: a platform's first, or older
