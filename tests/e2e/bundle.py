#!/usr/bin/env python3
"""bundle - SQL on standard output that stores rule files as a bundle, and makes it the active one.

    bundle.py store PATH=FILE…      its id in the first line, as a comment
    bundle.py activate ID|release   one revision further, whatever it is now
"""
import hashlib
import sys


def sql_hex(data):
    return "x'" + data.hex() + "'"


def store(files):
    hashed = hashlib.sha256()
    for path, source in files:
        for part in (path.encode(), source):
            hashed.update(len(part).to_bytes(8, "little") + part)
    own = hashed.digest()
    print("-- " + own.hex())
    print(f"INSERT IGNORE INTO rule_bundles (id, author, hooks, created_at) "
          f"VALUES ({sql_hex(own)}, 'e2e', '[]', UTC_TIMESTAMP(6));")
    for path, source in files:
        print(f"INSERT IGNORE INTO rule_files VALUES ({sql_hex(own)}, '{path}', CONVERT({sql_hex(source)} USING utf8mb4));")


def activate(name):
    own = "NULL" if name == "release" else f"x'{name}'"
    print("BEGIN; SELECT @previous := bundle_id FROM rule_slots WHERE role = 'active' FOR UPDATE;")
    print(f"UPDATE rule_slots SET revision = revision + 1, bundle_id = {own}, set_by = 'e2e',"
          " set_at = UTC_TIMESTAMP(6) WHERE role = 'active';")
    print("INSERT INTO rule_activations (revision, bundle_id, previous_id, reason, set_by, set_at)"
          " SELECT revision, bundle_id, @previous, 'activate', 'e2e', set_at FROM rule_slots WHERE role = 'active'; COMMIT;")


if sys.argv[1] == "store":
    named = [argument.split("=", 1) for argument in sys.argv[2:]]
    store(sorted((path, open(file, "rb").read()) for path, file in named))
else:
    activate(sys.argv[2])
