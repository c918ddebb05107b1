// generate - requests made from the API document, good and bad, against a running server.
//
//   node generate.mjs DOCUMENT.json URL KEY-FILE [SEED] [ROUNDS]
//
// For each operation: bodies and parameters that its schemas allow, then the same with one thing broken. Whatever comes
// back must be documented, valid against its schema and no 5xx; what the schema refuses must be refused. Speaks TAP; a
// failure prints the seed that makes it again.
import { readFileSync } from "node:fs";
import { Document, escape } from "./document.mjs";

const [documentFile, url, keyFile, seedText = String(Date.now() % 1e9), rounds = "12"] = process.argv.slice(2);
const doc = new Document(JSON.parse(readFileSync(documentFile, "utf8")));
const key = readFileSync(keyFile, "utf8").trim();
let state = Number(seedText) >>> 0;
let number = 0;
let failed = 0;

// mulberry32: small, seeded, good enough to choose with.
function random() {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = state;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const below = (n) => Math.floor(random() * n);
const pick = (list) => list[below(list.length)];

const NASTY = ["", " ", "0", "-1", "NaN", "1e400", "'; DROP TABLE companies; --", "\u0000", "\ud800", "💥".repeat(50),
  "a".repeat(5000), "../../etc/passwd", "%00", "{{7*7}}", "\u202e", "9".repeat(40), "null", "true", "[]"];
const STRANGE = [null, true, false, 0, -1, 1.5, 2 ** 53, 1e308, "", "x", [], {}, [[]], { a: { b: {} } }];

function stringOf(schema) {
  if (schema.enum) return pick(schema.enum);
  if (schema.format === "date-time") return new Date(1.7e12 + below(1e11)).toISOString();
  if (schema.examples && random() < 0.7) return pick(schema.examples);
  const id = /^\^([a-z]+)_\[0-7\]/.exec(schema.pattern ?? "");
  if (id) return `${id[1]}_0${Array.from({ length: 25 }, () => pick([..."0123456789abcdefghjkmnpqrstvwxyz"])).join("")}`;
  if (/A-Z\]\{3\}/.test(schema.pattern ?? "")) return pick(["USD", "EUR", "JPY", "KWD"]);
  if (/A-Z\]\{2\}/.test(schema.pattern ?? "")) return pick(["DE", "US", "GB"]);
  if (schema.pattern && /\[0-9\]\{1,18\}/.test(schema.pattern)) return `${below(1000)}.${below(1e6)}`;
  if (schema.pattern && /01.*0-3.*24:00/.test(schema.pattern)) return pick(["00:00", "08:30", "24:00"]);
  if (schema.pattern && /\{4\}-/.test(schema.pattern)) return `20${10 + below(80)}-0${1 + below(9)}-1${below(9)}`;
  if (schema.pattern && /^\^\[0-9\]\+/.test(schema.pattern)) return String(1 + below(900));
  const min = schema.minLength ?? 0;
  const max = Math.min(schema.maxLength ?? 20, 20);
  return Array.from({ length: Math.max(min, below(max + 1)) }, () => pick([..."abcdefghijklmnopqrstuvwxyz0123456789_"])).join("");
}

function valueOf(schema, depth = 0) {
  if (schema.anyOf || schema.oneOf) return valueOf(pick(schema.anyOf ?? schema.oneOf), depth);
  switch (schema.type) {
    case "object": {
      const value = {};
      for (const [name, property] of Object.entries(schema.properties ?? {}))
        if (schema.required?.includes(name) || random() < 0.5 / (depth + 1)) value[name] = valueOf(property, depth + 1);
      return value;
    }
    case "array": {
      const n = Math.max(schema.minItems ?? 0, below(Math.min(schema.maxItems ?? 3, 3) + 1));
      return Array.from({ length: n }, () => valueOf(schema.items, depth + 1));
    }
    case "string": return stringOf(schema);
    case "integer": return (schema.minimum ?? 0) + below(Math.min((schema.maximum ?? 1000) - (schema.minimum ?? 0), 1000) + 1);
    case "boolean": return random() < 0.5;
    case "null": return null;
    default: return pick(["x", 1, {}]);
  }
}

// Breaks one thing somewhere inside.
function broken(value) {
  if (value !== null && typeof value === "object" && Object.keys(value).length > 0 && random() < 0.7) {
    const copy = Array.isArray(value) ? [...value] : { ...value };
    const at = pick(Object.keys(copy));
    const what = random();
    if (what < 0.15 && !Array.isArray(copy)) delete copy[at];
    else if (what < 0.3 && !Array.isArray(copy)) copy[`${at}_x`] = copy[at];
    else copy[at] = broken(copy[at]);
    return copy;
  }
  return random() < 0.5 ? pick(NASTY) : pick(STRANGE);
}

function targetOf(operation, breakIt) {
  const parameters = operation.operation.parameters.filter((p) => p.schema);
  const path = operation.path.replace(/\{(\w+)\}/g, () =>
    encodeURIComponent(breakIt && random() < 0.5 ? pick(NASTY).toWellFormed() || "x" : stringOf({ pattern: `^${pick(["co", "key", "deck", "wal", "usg"])}_[0-7]` })));
  const query = new URLSearchParams();
  for (const p of parameters)
    if (p.in === "query" && (p.required || random() < 0.4))
      query.set(p.name, (breakIt && random() < 0.4 ? pick(NASTY) : String(valueOf(p.schema))).toWellFormed());
  if (breakIt && random() < 0.2) query.set("unknown", "1");
  return [...query].length > 0 ? `${path}?${query}` : path;
}

async function send(operation, breakIt) {
  const request = { method: operation.method, headers: { authorization: `Bearer ${key}` }, signal: AbortSignal.timeout(15000) };
  const json = operation.operation.requestBody?.content["application/json"];
  let refused = null; // why the schema has the body refused
  if (json) {
    const body = breakIt ? broken(valueOf(json.schema)) : valueOf(json.schema);
    request.body = JSON.stringify(body);
    request.headers["content-type"] = "application/json";
    const pointer = ["paths", operation.path, operation.method.toLowerCase(), "requestBody", "content", "application/json", "schema"];
    refused = doc.check(pointer.map((k) => "/" + escape(k)).join(""), JSON.parse(request.body));
  }
  const path = targetOf(operation, breakIt);
  const response = await fetch(url + path, request);
  const answer = {
    method: operation.method, path, status: response.status,
    contentType: response.headers.get("content-type") ?? "", body: await response.text(),
  };
  const fault = answer.status >= 500 ? "a fault of the server" : doc.faultOf(answer);
  // Usage is refused event by event, inside a 200.
  const lenient = answer.status === 200 && operation.operation.operationId === "charging.ingest";
  const taken = refused !== null && answer.status < 300 && !lenient ? `accepted what its schema refuses: ${refused}` : null;
  return { ...answer, sent: request.body, fault: fault ?? taken };
}

for (const operation of doc.operations) {
  const faults = [];
  for (let i = 0; i < Number(rounds); i++) {
    const answer = await send(operation, i % 3 !== 0);
    if (answer.fault) faults.push(`${answer.method} ${answer.path} ${answer.sent ?? ""}`.slice(0, 600), `→ ${answer.status} ${answer.fault}: ${answer.body.slice(0, 300)}`);
  }
  number++;
  if (faults.length > 0) failed++;
  console.log(`${faults.length === 0 ? "ok" : "not ok"} ${number} - ${operation.method} ${operation.path} keeps its promise whatever is asked`);
  for (const line of faults.slice(0, 6)) console.log(`#   ${line}`);
}
if (failed > 0) console.log(`# seed ${seedText}`);
console.log(`1..${number}`);
process.exit(failed === 0 ? 0 : 1);
