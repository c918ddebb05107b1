#!/bin/bash
# 36 - mail: a letter goes out through SMTP once its server is there, and is not lost while it is away.
. tests/e2e/lib.sh
smtp_port=$(free_port)
cat >"$dir/smtp.py" <<'END'
# A mail server that keeps what it is given, and refuses one recipient for good.
import smtpd, asyncore, sys
class Server(smtpd.SMTPServer):
    def process_message(self, peer, mailfrom, rcpttos, data, **kwargs):
        if any("refused" in to for to in rcpttos):
            return "550 no such person"
        with open(sys.argv[2], "ab") as out:
            out.write(b"FROM %s TO %s\n" % (mailfrom.encode(), ",".join(rcpttos).encode()) + data + b"\n.\n")
Server(("127.0.0.1", int(sys.argv[1])), None)
asyncore.loop()
END
start_smtp() {
    python3 -W ignore "$dir/smtp.py" "$smtp_port" "$dir/received" &
    smtp_pid=$!
}
fresh_server TOLLGATE_MAIL_URL="smtp://127.0.0.1:$smtp_port"
trap 'kill "$smtp_pid" 2>/dev/null; on_exit' EXIT

invite() { # ADDRESS
    post /v1/users "{\"email\": \"$1\", \"name\": \"Zoë\"}"
    is "$status" 201 "$1 is invited"
}
received() { # ADDRESS
    grep -q "TO $1" "$dir/received" 2>/dev/null
}
invite early@example.com
has_tried() {
    [ "$(sql "SELECT COALESCE(MAX(attempts), 0) FROM jobs WHERE handler = 'mail.jobs:deliver'")" -gt 0 ]
}
until_true 20 has_tried
ok $? "the letter is tried while there is no mail server"
is "$(sql "SELECT COUNT(*) FROM mails WHERE sent_at IS NULL AND body IS NOT NULL")" 1 "and kept"
smtp_pid=
start_smtp
sql "UPDATE jobs SET run_at = UTC_TIMESTAMP(6) WHERE handler = 'mail.jobs:deliver' AND state = 'ready'"
until_true 20 received early@example.com
ok $? "once it is there the letter arrives"
like "$(grep -A3 'TO early' "$dir/received")" 'FROM tollgate@localhost' "from the configured sender"
like "$(cat "$dir/received")" 'Message-ID: <mail_[0-9a-z]{26}@localhost>' "with the id of its row"
sent() {
    [ "$(sql "SELECT COUNT(*) FROM mails WHERE sent_at IS NOT NULL AND body IS NULL")" = "$1" ]
}
until_true 10 sent 1
ok $? "its text is forgotten then"
invite refused@example.com
dead() {
    [ "$(sql "SELECT COUNT(*) FROM jobs WHERE handler = 'mail.jobs:deliver' AND state = 'dead'")" = 1 ]
}
until_true 20 dead
ok $? "one that is refused for good is not tried again"
invite late@example.com
until_true 20 received late@example.com
ok $? "and holds up nobody"
is "$(grep -c '^FROM' "$dir/received")" 2 "each came once"
stop_server
kill "$smtp_pid"
done_testing
