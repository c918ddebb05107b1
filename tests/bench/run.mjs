// run - what scripts/bench runs: starts everything, interleaves rounds, prints tables, ratios first.
import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import path from 'node:path';
import { measure, memoryMb } from './measure.mjs';
import { Stand } from './stand.mjs';

const quote = '{"to":"+442079460000","duration_ms":61000}';
const scenarios = {
  hello: { peers: ['bare', 'nginx', 'fastify'], load: { path: '/hello' }, over: ['h1', 'h2'], unit: 'requests' },
  quote: { peers: ['nginx', 'fastify'], load: { path: '/quote', method: 'POST', body: quote }, over: ['h1', 'h2'], unit: 'requests' },
  'quote-simple': { peers: ['nginx', 'fastify'], load: { path: '/quote', ours: '/quote-simple', method: 'POST', body: quote }, over: ['h1', 'h2'], unit: 'requests' },
  query: { peers: ['fastify'], load: { path: '/wallets/1' }, over: ['h1', 'h2'], unit: 'requests' },
  usage1: { peers: ['fastify'], load: { batch: 1, connections: 128 }, over: ['h1'], unit: 'events' },
  usage100: { peers: ['fastify'], load: { batch: 100, connections: 64 }, over: ['h1'], unit: 'events' },
  usage1000: { peers: ['fastify'], load: { batch: 1000, connections: 16 }, over: ['h1'], unit: 'events' },
};

function readArguments(args) {
  const options = { seconds: 5, rounds: 3, names: [] };
  for (let i = 0; i < args.length; i++) {
    if (args[i] === '--seconds') options.seconds = Math.min(60, Number(args[++i]));
    else if (args[i] === '--rounds') options.rounds = Math.min(20, Number(args[++i]));
    else if (args[i] === 'usage') options.names.push('usage1', 'usage100', 'usage1000');
    else if (scenarios[args[i]]) options.names.push(args[i]);
    else throw new Error(`there is no scenario ${args[i]}: ${Object.keys(scenarios).join(' ')} usage`);
  }
  if (!(options.seconds >= 1 && options.rounds >= 1)) throw new Error('--seconds and --rounds are numbers from 1');
  if (options.names.length === 0) options.names = Object.keys(scenarios);
  return options;
}

/** The servers give the same answers, or there is nothing to compare. */
async function checkAnswers(stand) {
  const { tollgate, nginx, fastify } = stand.servers;
  for (const [server, url] of [[tollgate, '/quote'], [tollgate, '/quote-simple'], [nginx, '/quote'], [fastify, '/quote']]) {
    const price = JSON.parse((await stand.get(server, url, { method: 'POST', body: quote, headers: { 'content-type': 'application/json' } })).body);
    if (Number(price.amount) !== 0.024 || price.seconds !== 120) throw new Error(`${server.name} prices ${JSON.stringify(price)}`);
  }
  for (const server of [tollgate, fastify]) {
    const wallet = JSON.parse((await stand.get(server, '/wallets/1')).body);
    if (wallet.id !== 1 || Number(wallet.balance) !== 1000) throw new Error(`${server.name} has the wallet ${JSON.stringify(wallet)}`);
  }
}

function loadFor(name, server, over, stand) {
  const load = { connections: 64, ...scenarios[name].load, over };
  if (load.ours && server.name === 'tollgate') load.path = load.ours;
  if (load.batch) load.path = server.name === 'tollgate' ? '/v1/usage' : '/usage';
  if (load.body) {
    load.bodyFile = path.join(stand.dir, 'body.json');
    writeFileSync(load.bodyFile, load.body);
  }
  return load;
}

/** A B C, A B C, …, after a short warm-up of each; the rounds of each server. */
async function measureAll(stand, name, over, options) {
  const servers = ['tollgate', ...scenarios[name].peers].map((peer) => stand.servers[peer]);
  const rounds = Object.fromEntries(servers.map((server) => [server.name, []]));
  for (const server of servers) delete server.rateOverH2; // of another scenario
  for (let round = 0; round <= options.rounds; round++) {
    for (const server of servers) {
      const load = loadFor(name, server, over, stand);
      const before = load.batch ? stored(stand, server) : 0;
      const result = await measure(stand, server, load, round === 0 ? 1 : options.seconds, `${name}-${round}`);
      if (load.batch) checkStored(stand, server, load, result, before);
      if (round > 0) rounds[server.name].push(result);
    }
  }
  return rounds;
}

function stored(stand, server) {
  return Number(stand.sql(server.name === 'tollgate' ? 'SELECT COUNT(*) FROM usage_events' : 'SELECT COUNT(*) FROM bench_events'));
}

/** What was acknowledged is stored, and nothing more than what was under way when the clock ran out. */
function checkStored(stand, server, load, result, before) {
  const rows = stored(stand, server) - before;
  if (rows < result.accepted || rows > result.accepted + load.connections * load.batch)
    throw new Error(`${server.name}: ${result.accepted} events acknowledged, ${rows} stored`);
}

function median(list) {
  const sorted = [...list].sort((a, b) => a - b);
  return sorted.length % 2 ? sorted[(sorted.length - 1) / 2] : (sorted[sorted.length / 2 - 1] + sorted[sorted.length / 2]) / 2;
}

function summary(rounds) {
  const keys = Object.keys(rounds[0]);
  return Object.fromEntries(keys.map((key) => [key, median(rounds.map((r) => r[key]))]));
}

const whole = (n) => Math.round(n).toLocaleString('en');
const ms = (n) => (n < 10 ? n.toFixed(2) : n.toFixed(0));

function print(name, over, rounds) {
  const { unit } = scenarios[name];
  const rows = Object.entries(rounds).map(([server, list]) => [server, summary(list)]);
  const [, ours] = rows[0];
  console.log(`\n### ${name}, ${over === 'h2' ? 'HTTP/2 + TLS' : 'HTTP/1.1'}\n`);
  for (const [server, r] of rows.slice(1)) {
    console.log(`- ours / ${server}: **${(ours.rate / r.rate).toFixed(2)}×** ${unit}/s, **${(ours.perCpu / r.perCpu).toFixed(2)}×** a processor second`);
  }
  console.log(`\n| | ${unit}/s | p50 ms | p99 ms | p99.9 ms | ${unit} per CPU s | CPU s | MariaDB CPU s | RSS MB |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|`);
  for (const [server, r] of rows) {
    console.log(`| ${server} | ${whole(r.rate)} | ${ms(r.p50)} | ${ms(r.p99)} | ${ms(r.p999)} | ${whole(r.perCpu)} | ${r.cpu.toFixed(1)} | ${r.databaseCpu.toFixed(1)} | ${r.memory.toFixed(0)} |`);
  }
}

const options = readArguments(process.argv.slice(2));
const stand = new Stand();
process.on('SIGINT', () => stand.stop().then(() => process.exit(130)));
process.on('SIGTERM', () => stand.stop().then(() => process.exit(143)));
try {
  stand.startServices();
  stand.makeCertificate();
  stand.makeLua();
  await stand.makeData();
  await stand.ours('idle', 2);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const idle = memoryMb(stand.pids(stand.servers.idle));
  await stand.stopServer('idle');
  await stand.bare();
  await stand.nginx();
  await stand.fastify();
  await checkAnswers(stand);
  console.log(`${options.rounds} rounds of ${options.seconds} s, medians; ${availableParallelism()} CPUs (${cpus()[0].model}), shared by client, server and MariaDB; load before ${loadavg()[0].toFixed(1)}`);
  console.log(`each server has one thread for requests; idle memory of Tollgate with two: ${idle.toFixed(0)} MB`);
  for (const name of options.names) {
    for (const over of scenarios[name].over) print(name, over, await measureAll(stand, name, over, options));
  }
  if (options.names.some((name) => scenarios[name].load.batch)) {
    console.log(`\n\`tollgate ledger verify\`: ${stand.tollgate(['ledger', 'verify']).trim()}`);
  }
  console.log(`load after ${loadavg()[0].toFixed(1)}`);
} finally {
  await stand.stop();
}
