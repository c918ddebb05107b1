// stand - everything that is measured, started on loopback in a directory of its own, and stopped by process id.
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, openSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

const root = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), '../..');
const build = path.resolve(root, process.env.TOLLGATE_BUILD ?? 'build');
const tollgate = path.join(build, 'tollgate');
const COMPANIES = 16;

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function get(port, url, options = {}) {
  return new Promise((resolve, reject) => {
    const req = request({ host: '127.0.0.1', port, path: url, ...options }, (res) => {
      let body = '';
      res.on('data', (part) => { body += part; });
      res.on('end', () => resolve({ status: res.statusCode, body }));
    });
    req.on('error', reject);
    req.end(options.body);
  });
}

async function untilAnswers(server, url) {
  for (let tries = 0; tries < 200; tries++) {
    if (server.process.exitCode !== null) break;
    try {
      if ((await get(server.port, url)).status === 200) return;
    } catch { /* not yet */ }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${server.name} does not answer; its log:\n${readFileSync(server.log, 'utf8').slice(-2000)}`);
}

function readEnv(file) {
  return Object.fromEntries([...readFileSync(file, 'utf8').matchAll(/^(\w+)='(.*)'$/gm)].map((m) => [m[1], m[2]]));
}

/** A process and those it has started: their ids. */
function tree(pid) {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return [pid, ...(children === '' ? [] : children.split(' ').flatMap((child) => tree(Number(child))))];
}

export class Stand {
  constructor() {
    this.dir = mkdtempSync(path.join(tmpdir(), 'tg-bench-'));
    chmodSync(this.dir, 0o711);
    this.servers = {};
  }

  startServices() {
    this.services = path.join(this.dir, 's');
    execFileSync(path.join(root, 'scripts/services'), ['start', this.services], {
      env: { TOLLGATE_DB_POOL: '512M', TOLLGATE_DB_THREADS: 'pool-of-threads', ...process.env }, stdio: ['ignore', 'inherit', 'inherit'],
    });
    this.env = { ...process.env, ...readEnv(path.join(this.services, 'env')) };
    this.databasePid = Number(readFileSync(path.join(this.services, 'mysql/mysql.pid'), 'utf8'));
    this.tollgate(['migrate', 'up']);
    this.sql(readFileSync(path.join(root, 'tests/bench/schema.sql'), 'utf8'));
    this.sql('GRANT SELECT ON bench_wallets TO tollgate@localhost');
  }

  tollgate(args) {
    return execFileSync(tollgate, args, { cwd: root, env: this.env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }

  sql(text) {
    const url = new URL(this.env.TOLLGATE_OWNER_URL);
    return execFileSync('mariadb', ['--no-defaults', `--socket=${url.searchParams.get('socket')}`, `--user=${url.username}`,
      '--batch', '--skip-column-names', url.pathname.slice(1)],
    { env: { ...process.env, MYSQL_PWD: url.password }, input: text, encoding: 'utf8' }).trim();
  }

  makeCertificate() {
    this.cert = path.join(this.dir, 'tls.crt');
    this.key = path.join(this.dir, 'tls.key');
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
      '-subj', '/CN=localhost', '-keyout', this.key, '-out', this.cert], { stdio: 'ignore' });
  }

  /** Starts a program on two free ports; ready when `url` answers 200. */
  async start(name, url, command) {
    const [port, tlsPort] = [await freePort(), await freePort()];
    const { program, args, env = {} } = command(port, tlsPort);
    const log = path.join(this.dir, `${name}.log`);
    const file = openSync(log, 'a');
    const child = spawn(program, args, { cwd: root, env: { ...this.env, ...env }, stdio: ['ignore', file, file] });
    const server = { name, port, tlsPort, process: child, log };
    this.servers[name] = server;
    await untilAnswers(server, url);
    return server;
  }

  ours(name, threads, logLevel = 'warn') {
    const lua = path.join(this.dir, 'lua');
    return this.start(name, '/readyz', (port, tlsPort) => {
      const conf = path.join(this.dir, `${name}.conf`);
      writeFileSync(conf, `listen:
  - host: 127.0.0.1
    port: ${port}
  - host: 127.0.0.1
    port: ${tlsPort}
    ssl:
      certificate-file: ${this.cert}
      key-file: ${this.key}
num-threads: ${threads}
pid-file: ${this.dir}/${name}.pid
tollgate.log-level: ${logLevel}
tollgate.lua-dir: ${lua}
tollgate.control-socket: ${this.dir}/${name}.sock
hosts:
  default:
    paths:
      "/":
        tollgate.status: ON
        tollgate.app: ON
`);
      return { program: tollgate, args: ['serve', '--conf', conf] };
    });
  }

  bare() {
    return this.start('bare', '/hello', (port, tlsPort) => (
      { program: path.join(build, 'bench-bare'), args: [port, tlsPort, this.cert, this.key].map(String) }));
  }

  fastify() {
    return this.start('fastify', '/hello', (port, tlsPort) => ({
      program: process.execPath, args: [path.join(root, 'tests/bench/peers/fastify/server.mjs')],
      env: { NODE_ENV: 'production', BENCH_PORT: String(port), BENCH_TLS_PORT: String(tlsPort), BENCH_TLS_KEY: this.key,
        BENCH_TLS_CERT: this.cert, BENCH_DATABASE_URL: this.env.TOLLGATE_OWNER_URL },
    }));
  }

  nginx() {
    const peer = path.join(root, 'tests/bench/peers/nginx');
    return this.start('nginx', '/hello', (port, tlsPort) => {
      const values = { DIR: this.dir, APP: peer, PORT: port, TLS_PORT: tlsPort, CERT: this.cert, KEY: this.key,
        USER: process.getuid() === 0 ? 'user root;' : '' };
      const text = readFileSync(path.join(peer, 'nginx.conf.in'), 'utf8').replace(/@([A-Z_]+)@/g, (_, name) => values[name]);
      const conf = path.join(this.dir, 'nginx.conf');
      writeFileSync(conf, text);
      return { program: '/usr/sbin/nginx', args: ['-e', path.join(this.dir, 'nginx.log'), '-p', this.dir, '-c', conf] };
    });
  }

  makeLua() {
    const lua = path.join(this.dir, 'lua');
    cpSync(path.join(root, 'lua'), lua, { recursive: true });
    renameSync(path.join(lua, 'app.lua'), path.join(lua, 'product.lua'));
    cpSync(path.join(root, 'tests/bench/app'), lua, { recursive: true });
  }

  async api(port, method, url, body) {
    const answer = await get(port, url, { method, body: JSON.stringify(body),
      headers: { authorization: `Bearer ${this.apiKey}`, 'content-type': 'application/json' } });
    if (answer.status >= 300) throw new Error(`${method} ${url}: ${answer.status} ${answer.body}`);
    return JSON.parse(answer.body);
  }

  /** A platform, its key, a deck, companies that are priced by it; the same companies for the peers. */
  async makeData() {
    const keyFile = path.join(this.dir, 'api-key');
    this.tollgate(['company', 'create-platform', '--name', 'Bench', '--key-file', keyFile]);
    this.apiKey = readFileSync(keyFile, 'utf8').trim();
    const ours = await this.ours('tollgate', 1);
    this.deck = this.tollgate(['import', 'deck', path.join(root, 'tests/bench/deck.csv'), '--name', 'bench', '--url',
      `http://127.0.0.1:${ours.port}`, '--key-file', keyFile]).trim();
    writeFileSync(path.join(this.dir, 'lua/bench/settings.lua'), `return { deck = "${this.deck}" }\n`);
    this.tollgate(['reload', '--control-socket', path.join(this.dir, 'tollgate.sock')]);
    this.companies = [];
    for (let i = 0; i < COMPANIES; i++) {
      const company = await this.api(ours.port, 'POST', '/v1/companies', { name: `Bench ${i}`, currency: 'USD', rate_deck: this.deck });
      this.companies.push(company.id);
    }
    this.sql(`INSERT INTO bench_wallets (company_id, balance) VALUES ${this.companies.map((id) => `('${id}', 1000)`).join(',')}`);
  }

  get(server, url, options) {
    return get(server.port, url, options);
  }

  pids(server) {
    return server === null ? [this.databasePid] : tree(server.process.pid);
  }

  stopServer(name) {
    const { process: child } = this.servers[name];
    delete this.servers[name];
    return new Promise((resolve) => {
      if (child.exitCode !== null) resolve();
      child.on('exit', resolve);
      child.kill('SIGTERM');
      setTimeout(() => child.kill('SIGKILL'), 15000).unref();
    });
  }

  async stop() {
    for (const name of Object.keys(this.servers)) await this.stopServer(name);
    if (this.services) execFileSync(path.join(root, 'scripts/services'), ['stop', this.services], { stdio: 'inherit' });
    if (process.env.BENCH_KEEP) console.error(`kept: ${this.dir} ${readdirSync(this.dir).join(' ')}`);
    else rmSync(this.dir, { recursive: true, force: true });
  }
}
