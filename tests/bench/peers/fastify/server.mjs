// The bench scenarios in Fastify + mysql2, written the way a good Node team would: schemas for serialising, prepared
// statements, one transaction for a batch, multi-row inserts. BENCH_PORT, BENCH_TLS_PORT, BENCH_DATABASE_URL,
// BENCH_TLS_KEY, BENCH_TLS_CERT from the environment.
import { readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import fastify from 'fastify';
import mysql from 'mysql2/promise';

const url = new URL(process.env.BENCH_DATABASE_URL);
const pool = mysql.createPool({
  user: url.username, password: url.password, database: url.pathname.slice(1),
  socketPath: url.searchParams.get('socket'), connectionLimit: 8, supportBigNumbers: true, bigNumberStrings: true,
});

const NANO = 1_000_000_000n;
const rates = new Map([['1', 12_000_000n], ['44', 12_000_000n], ['447', 30_000_000n], ['49', 20_000_000n]]); // per minute

// Longest prefix, 60/60, in nano-units.
function price(to, durationMs) {
  for (let n = Math.min(7, to.length); n > 0; n--) {
    const rate = rates.get(to.slice(0, n));
    if (rate !== undefined) {
      const seconds = Math.ceil(durationMs / 60000) * 60;
      return { seconds, nano: (rate * BigInt(seconds)) / 60n };
    }
  }
  return null;
}
function format(nano) {
  const text = (nano % NANO).toString().padStart(9, '0');
  return `${nano / NANO}.${text}`;
}

async function ingest(events) {
  const conn = await pool.getConnection();
  try {
    await conn.beginTransaction();
    const companies = [...new Set(events.map((e) => e.company))].sort();
    await conn.query('SELECT company_id, balance FROM bench_wallets WHERE company_id IN (?) ORDER BY company_id FOR UPDATE', [companies]);
    const keys = events.map((e) => createHash('sha256').update(`${e.company}\0${e.source}\0${e.event_id}`).digest().subarray(0, 16));
    const [known] = await conn.query('SELECT dedupe FROM bench_events WHERE dedupe IN (?)', [keys]);
    const seen = new Set(known.map((r) => r.dedupe.toString('hex')));
    const rows = [], totals = new Map();
    events.forEach((e, i) => {
      const hex = keys[i].toString('hex');
      if (seen.has(hex)) return;
      seen.add(hex);
      const p = price(e.properties.to.slice(1), e.properties.duration_ms);
      rows.push([keys[i], e.company, e.source, e.event_id, e.meter, e.event_time.replace('T', ' ').replace('Z', ''), e.quantity, JSON.stringify(e.properties), p ? format(p.nano) : null]);
      if (p) totals.set(e.company, (totals.get(e.company) ?? 0n) + p.nano);
    });
    if (rows.length > 0) {
      await conn.query('INSERT INTO bench_events (dedupe, company_id, source, event_id, meter, event_time, quantity, properties, amount) VALUES ?', [rows]);
      for (const [company, nano] of totals) {
        await conn.execute('UPDATE bench_wallets SET balance = balance - ? WHERE company_id = ?', [format(nano), company]);
        await conn.execute('INSERT INTO bench_entries (company_id, amount) VALUES (?, ?)', [company, format(nano)]);
      }
    }
    await conn.commit();
    return { accepted: rows.length, duplicates: events.length - rows.length, rejected: [] };
  } catch (err) {
    await conn.rollback();
    throw err;
  } finally {
    conn.release();
  }
}

const eventSchema = {
  type: 'object', additionalProperties: false,
  required: ['event_id', 'source', 'meter', 'event_time', 'quantity', 'company', 'properties'],
  properties: {
    event_id: { type: 'string', maxLength: 200 }, source: { type: 'string', maxLength: 100 }, meter: { type: 'string' },
    event_time: { type: 'string', format: 'date-time' }, quantity: { type: 'string' }, company: { type: 'string' },
    properties: { type: 'object', required: ['to', 'duration_ms'], properties: { to: { type: 'string' }, duration_ms: { type: 'integer', minimum: 0 }, status: { type: 'string' } } },
  },
};

function routes(app) {
  app.get('/hello', { schema: { response: { 200: { type: 'object', properties: { message: { type: 'string' } } } } } }, async () => ({ message: 'hello' }));
  app.post('/quote', {
    schema: {
      body: { type: 'object', additionalProperties: false, required: ['to', 'duration_ms'], properties: { to: { type: 'string' }, duration_ms: { type: 'integer' } } },
      response: { 200: { type: 'object', properties: { amount: { type: 'string' }, seconds: { type: 'integer' } } } },
    },
  }, async (req) => {
    const p = price(req.body.to.slice(1), req.body.duration_ms);
    return { amount: format(p.nano), seconds: p.seconds };
  });
  app.get('/wallets/:id', { schema: { response: { 200: { type: 'object', properties: { id: { type: 'integer' }, balance: { type: 'string' } } } } } }, async (req) => {
    const [rows] = await pool.execute('SELECT id, balance FROM bench_wallets WHERE id = ?', [req.params.id]);
    return rows[0];
  });
  app.post('/usage', { bodyLimit: 8 << 20, schema: { body: { type: 'array', maxItems: 10000, items: eventSchema } } }, async (req) => ingest(req.body));
}

const plain = fastify({ logger: false });
routes(plain);
await plain.listen({ host: '127.0.0.1', port: Number(process.env.BENCH_PORT) });
const tls = fastify({ logger: false, http2: true, https: { key: readFileSync(process.env.BENCH_TLS_KEY), cert: readFileSync(process.env.BENCH_TLS_CERT) } });
routes(tls);
await tls.listen({ host: '127.0.0.1', port: Number(process.env.BENCH_TLS_PORT) });
