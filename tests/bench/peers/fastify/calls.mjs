// authorize, renew and settle in Fastify + mysql2, the way most teams would: one transaction a request, SELECT … FOR UPDATE
// on the wallet, schemas, prepared statements, a pool. It has just enough of the other routes for `tollgate sim calls` to
// make its companies and to compare the books at the end, which it does. BENCH_PORT, BENCH_DATABASE_URL, BENCH_POOL from
// the environment.
import fastify from 'fastify';
import mysql from 'mysql2/promise';

const url = new URL(process.env.BENCH_DATABASE_URL);
const pool = mysql.createPool({
  user: url.username, password: url.password, database: url.pathname.slice(1), socketPath: url.searchParams.get('socket'),
  connectionLimit: Number(process.env.BENCH_POOL ?? 16), supportBigNumbers: true, bigNumberStrings: true,
});

const MICRO = 1_000_000n;
const rates = new Map([['1', [12n, 6n]], ['44', [24n, 6n]], ['447', [60n, 60n]], ['49', [18n, 1n]]]); // thousandths, block

function rateOf(to) {
  for (let n = 3; n > 0; n--) {
    const rate = rates.get(to.slice(1, 1 + n));
    if (rate) return { perMinute: rate[0], block: rate[1], prefix: to.slice(1, 1 + n) };
  }
  return null;
}
const priceOf = ({ perMinute, block }, seconds) => (((BigInt(seconds) + block - 1n) / block) * block * perMinute * 1000n) / 60n;
const parse = (text) => {
  const [, sign, whole, part = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
  return (sign ? -1n : 1n) * (BigInt(whole) * MICRO + BigInt(part.slice(0, 6).padEnd(6, '0')));
};
function format(micros) {
  const abs = micros < 0n ? -micros : micros;
  return `${micros < 0n ? '-' : ''}${abs / MICRO}.${(abs % MICRO).toString().padStart(6, '0')}`.replace(/\.?0+$/, '') || '0';
}
const money = (micros) => ({ amount: format(micros), currency: 'USD' });

async function transaction(work) {
  const conn = await pool.getConnection();
  try {
    await conn.beginTransaction();
    const answer = await work(conn);
    await conn.commit();
    return answer;
  } catch (err) {
    await conn.rollback();
    throw err;
  } finally {
    conn.release();
  }
}
async function lock(conn, company, callId) {
  const [[wallet]] = await conn.execute('SELECT balance, credit_limit, held FROM bench_call_wallets WHERE company_id = ? FOR UPDATE', [company]);
  const [[call]] = await conn.execute('SELECT * FROM bench_calls WHERE company_id = ? AND call_id = ?', [company, callId]);
  return { wallet, call, available: parse(wallet.balance) + parse(wallet.credit_limit) - parse(wallet.held) };
}
const slice = (rate, seconds) => {
  const granted = Number(((BigInt(seconds) + rate.block - 1n) / rate.block) * rate.block);
  return { granted, renew: Math.max(1, Math.floor(granted * 0.75)) };
};

const authorize = (body) => transaction(async (conn) => {
  const { call, available } = await lock(conn, body.company, body.call_id);
  if (call) return call.authorized;
  const rate = rateOf(body.to);
  if (!rate) return '{"decision":"deny","reason":"no_rate"}';
  const { granted, renew } = slice(rate, body.request_seconds);
  const hold = priceOf(rate, granted);
  if (hold > available) return '{"decision":"deny","reason":"insufficient_funds"}';
  const answer = JSON.stringify({
    decision: 'allow', call_id: body.call_id, hold: money(hold), max_seconds: granted, renew_in_seconds: renew,
    rate: { per_minute: format(rate.perMinute * 1000n), prefix: rate.prefix },
  });
  await conn.execute("INSERT INTO bench_calls (company_id, call_id, state, request, held, authorized) VALUES (?, ?, 'open', ?, ?, ?)",
    [body.company, body.call_id, JSON.stringify(body), format(hold), answer]);
  await conn.execute('UPDATE bench_call_wallets SET held = held + ? WHERE company_id = ?', [format(hold), body.company]);
  return answer;
});

const renew = (callId, body) => transaction(async (conn) => {
  const { call, available } = await lock(conn, body.company, callId);
  if (!call) return null;
  if (call.state !== 'open') return '{"decision":"stop","reason":"call_closed","grace_seconds":0}';
  if (body.seq <= call.seq) return call.renewed;
  const rate = rateOf(JSON.parse(JSON.stringify(call.request)).to);
  const used = priceOf(rate, body.elapsed_seconds), debit = used - parse(call.debited);
  const { granted, renew: renewIn } = slice(rate, body.elapsed_seconds + body.request_seconds);
  const hold = priceOf(rate, granted) - used, given = hold <= available + parse(call.held) - debit;
  const answer = JSON.stringify(given
    ? { decision: 'continue', max_seconds: granted, renew_in_seconds: Math.max(1, renewIn - body.elapsed_seconds), charged: money(used) }
    : { decision: 'stop', reason: 'insufficient_funds', grace_seconds: 10, charged: money(used) });
  const held = given ? hold : 0n;
  await conn.execute('UPDATE bench_calls SET seq = ?, held = ?, debited = ?, renewed = ? WHERE id = ?',
    [body.seq, format(held), format(used), answer, call.id]);
  await conn.execute('UPDATE bench_call_wallets SET balance = balance - ?, held = held + ? WHERE company_id = ?',
    [format(debit), format(held - parse(call.held)), body.company]);
  await conn.execute('INSERT INTO bench_call_entries (company_id, call_id, amount) VALUES (?, ?, ?)', [body.company, callId, format(debit)]);
  return answer;
});

const settle = (callId, body) => transaction(async (conn) => {
  const { wallet, call } = await lock(conn, body.company, callId);
  if (!call) return null;
  if (call.state !== 'open') return call.settled;
  const rate = rateOf(JSON.parse(JSON.stringify(call.request)).to);
  const charge = body.status === 'answered' ? priceOf(rate, Math.ceil(body.duration_ms / 1000)) : 0n;
  const debit = charge - parse(call.debited), balance = parse(wallet.balance) - debit, held = parse(wallet.held) - parse(call.held);
  const answer = JSON.stringify({
    call_id: callId, charge: money(charge), lines: [{ meter: 'call.seconds', amount: format(charge) }],
    wallet: { balance: money(balance), held: money(held), available: money(balance + parse(wallet.credit_limit) - held) },
  });
  await conn.execute("UPDATE bench_calls SET state = 'settled', held = 0, charge = ?, settled = ? WHERE id = ?", [format(charge), answer, call.id]);
  await conn.execute('UPDATE bench_call_wallets SET balance = balance - ?, held = held - ? WHERE company_id = ?',
    [format(debit), call.held, body.company]);
  await conn.execute('INSERT INTO bench_call_entries (company_id, call_id, amount) VALUES (?, ?, ?)', [body.company, callId, format(debit)]);
  return answer;
});

const app = fastify({ logger: false });
const text = { type: 'string' }, whole = { type: 'integer', minimum: 0 };
const object = (properties, required) => ({ type: 'object', additionalProperties: false, properties, required });
const reply = (res, answer) => res.code(answer === null ? 404 : 200).type('application/json').send(answer ?? '{}');

app.post('/v1/calls/authorize', { schema: { body: object({
  call_id: text, company: text, from: text, to: text, direction: text, agent_id: text, request_seconds: whole,
  meters: { type: 'array', items: text },
}, ['call_id', 'company', 'to']) } }, async (req, res) => reply(res, await authorize(req.body)));
app.post('/v1/calls/:id/renew', { schema: { body: object({
  company: text, seq: whole, answered_at: { type: 'string', format: 'date-time' }, elapsed_seconds: whole, request_seconds: whole,
}, ['company', 'seq', 'elapsed_seconds']) } }, async (req, res) => reply(res, await renew(req.params.id, req.body)));
app.post('/v1/calls/:id/settle', { schema: { body: object({
  company: text, answered_at: { type: 'string', format: 'date-time' }, duration_ms: whole, status: text,
}, ['company', 'duration_ms', 'status']) } }, async (req, res) => reply(res, await settle(req.params.id, req.body)));

// --- what the simulator needs besides
const companyId = (ref) => `co_${ref.replace('sim-', '').padStart(26, '0')}`;
app.addContentTypeParser('text/csv', { parseAs: 'string' }, (req, body, done) => done(null, body));
app.get('/readyz', async () => ({}));
app.get('/v1/rate-decks', async () => ({ data: [{ id: 'deck_1', name: 'tollgate sim' }] }));
app.put('/v1/rate-decks/:id/rates', async () => ({}));
app.post('/v1/companies', async (req) => {
  const id = companyId(req.body.external_ref);
  await pool.execute('INSERT INTO bench_call_wallets (company_id, external_ref) VALUES (?, ?)', [id, req.body.external_ref]);
  return { id };
});
app.get('/v1/companies', async () => {
  const [rows] = await pool.query('SELECT company_id AS id, external_ref FROM bench_call_wallets');
  return { data: rows };
});
app.get('/v1/wallets', async () => {
  const [rows] = await pool.query('SELECT * FROM bench_call_wallets');
  return { data: rows.map((r) => ({ id: r.company_id, company: r.company_id, balance: { amount: r.balance, currency: 'USD' }, available: money(parse(r.balance) + parse(r.credit_limit) - parse(r.held)), held: { amount: r.held, currency: 'USD' } })) };
});
app.post('/v1/wallets/:id/credit-limit', async (req) => {
  await pool.execute('UPDATE bench_call_wallets SET credit_limit = ? WHERE company_id = ?', [req.body.amount, req.params.id]);
  return {};
});
app.get('/v1/usage/summary', async () => {
  const [rows] = await pool.query('SELECT company_id, SUM(amount) AS amount FROM bench_call_entries GROUP BY company_id');
  return { data: rows.map((r) => ({ company: r.company_id, amount: { amount: r.amount, currency: 'USD' } })) };
});
app.get('/v1/calls', async (req) => {
  const after = Number(req.query.cursor ?? 0);
  const [rows] = await pool.query(`SELECT * FROM bench_calls WHERE id > ? ${req.query.state ? "AND state = 'open'" : ''} ORDER BY id LIMIT 500`, [after]);
  return {
    data: rows.map((r) => ({ call_id: r.call_id, company: r.company_id, state: r.state, charge: { amount: r.charge ?? '0', currency: 'USD' } })),
    next_cursor: rows.length === 500 ? String(rows[499].id) : null,
  };
});
await app.listen({ host: '127.0.0.1', port: Number(process.env.BENCH_PORT) });
