// isolation - one company asks for everything of another, by every route there is.
//
//   node isolation.mjs DOCUMENT.json URL ITS-KEY-FILE OTHERS-KEY-FILE SHARED-ID…
//
// Nobody lists the routes: they come from the document, and so do the places where an id may stand (path, query, body).
// First the other company's ids are collected with its own key; then each is put into each place where an id of its kind
// may stand, with the first company's key; and each of its companies is named in Tollgate-Company. Both may see the shared ids (the company above them) and no others. Expected: 403, 404 or 422, or an answer without anything of the other. That
// nothing was changed is for the caller to see, in the database. Speaks TAP.
import { readFileSync } from "node:fs";
import { Document } from "./document.mjs";

const [documentFile, url, ownFile, otherFile, ...shared] = process.argv.slice(2);
const doc = new Document(JSON.parse(readFileSync(documentFile, "utf8")));
const own = readFileSync(ownFile, "utf8").trim();
const other = readFileSync(otherFile, "utf8").trim();
const ID = /\b([a-z]{2,5})_[0-7][0-9a-hjkmnp-tv-z]{25}\b/g;
let number = 0;
let failed = 0;
let tries = 0;

function ok(good, name, why = []) {
  number++;
  if (!good) failed++;
  console.log(`${good ? "ok" : "not ok"} ${number} - ${name}`);
  if (!good) for (const line of why.slice(0, 8)) console.log(`#   ${line.slice(0, 500)}`);
}

async function send(key, method, path, body, contentType, more = {}) {
  const headers = { authorization: `Bearer ${key}`, ...more };
  if (body !== undefined) headers["content-type"] = contentType;
  const response = await fetch(url + path, { method, headers, body, signal: AbortSignal.timeout(15000) });
  return { status: response.status, text: await response.text() };
}

const idsIn = (text) => new Set([...text.matchAll(ID)].map((m) => m[0]).filter((id) => !id.startsWith("req_")));

// Every id that a key sees: in the lists, and behind each id found so far.
async function collect(key) {
  const seen = new Set();
  const asked = new Set();
  for (let round = 0; round < 3; round++)
    for (const o of doc.operations.filter((each) => each.method === "GET"))
      for (const path of fill(o, [...seen]))
        if (!asked.has(path)) {
          asked.add(path);
          const answer = await send(key, "GET", path);
          if (answer.status === 200 && answer.text.length < 1e6) for (const id of idsIn(answer.text)) seen.add(id);
        }
  return seen;
}

// The operation's path with each of the ids that fit; as it is when it takes none.
function fill(o, ids) {
  const parameter = o.operation.parameters.find((p) => p.in === "path");
  if (!parameter) return [o.path];
  const fits = new RegExp(parameter.schema.pattern ?? `^${parameter.name.replace(/_id$/, "")}_`);
  return ids.filter((id) => fits.test(id)).slice(0, 4).map((id) => o.path.replace(/\{\w+\}/, id));
}

// Bodies in which one place holds the id; nothing when the schema has no such place.
function bodiesWith(schema, id) {
  if (schema.pattern && new RegExp(schema.pattern).test(id)) return [id];
  if (schema.anyOf || schema.oneOf) return (schema.anyOf ?? schema.oneOf).flatMap((s) => bodiesWith(s, id));
  if (schema.type === "array") return bodiesWith(schema.items, id).map((v) => [v]);
  if (schema.type !== "object") return [];
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) =>
    bodiesWith(property, id).map((v) => ({ ...least(schema), [name]: v })));
}

// The least that an object may be.
function least(schema) {
  const value = {};
  for (const name of schema.required ?? []) value[name] = plain(schema.properties[name]);
  return value;
}
function plain(schema) {
  if (schema.anyOf || schema.oneOf) return plain((schema.anyOf ?? schema.oneOf)[0]);
  if (schema.enum) return schema.enum[0];
  if (schema.examples) return schema.examples[0];
  if (schema.format === "date-time") return "2026-07-15T10:00:00Z";
  if (schema.type === "object") return least(schema);
  return { array: [], integer: schema.minimum ?? 1, boolean: false, string: "x" }[schema.type] ?? "x";
}

const theirs = await collect(other);
const ours = await collect(own);
const foreign = [...theirs].filter((id) => !shared.includes(id));
const both = foreign.filter((id) => ours.has(id));
ok(both.length === 0 && ours.size > 0, "the two see nothing in common", both);
const kinds = new Set(foreign.map((id) => id.split("_")[0]));
ok(foreign.length > 0, `the other company has what could leak: ${foreign.length} ids of ${[...kinds].sort().join(", ")}`);

// What came back must be a refusal, or know nothing of the other but what was sent.
function leak(answer, sent) {
  tries++;
  const leaked = foreign.filter((id) => id !== sent && answer.text.includes(id));
  if (leaked.length > 0) return `shows ${leaked[0]}`;
  if ([403, 404, 422].includes(answer.status)) return null;
  if (answer.status === 200 && !answer.text.includes(sent) ) return null;
  return `answers ${answer.status}: ${answer.text.slice(0, 200)}`;
}

for (const o of doc.operations) {
  const faults = [];
  const note = (what, answer, sent) => {
    const why = leak(answer, sent);
    if (why) faults.push(`${what} ${why}`);
  };
  const content = o.operation.requestBody?.content;
  const [type, media] = content ? Object.entries(content)[0] : [];
  const body = content && (media.example !== undefined && type !== "application/json" ? media.example
    : JSON.stringify(media.example ?? least(media.schema)));
  const hasPath = o.operation.parameters.some((p) => p.in === "path");
  for (const id of foreign.filter((each) => each.startsWith("co_") && o.operation["x-permission"])) {
    const answer = await send(own, o.method, fill(o, [...ours])[0] ?? o.path, body, type, { "tollgate-company": id });
    tries++;
    if (answer.status !== 403) faults.push(`${o.method} ${o.path} acts for ${id}: ${answer.status} ${answer.text}`);
  }
  for (const id of foreign) {
    if (hasPath)
      for (const path of fill(o, [id])) {
        const needed = o.operation.parameters.filter((p) => p.in === "query" && p.required);
        const query = new URLSearchParams(needed.map((p) => [p.name, plain(p.schema)])).toString();
        const answer = await send(own, o.method, query ? `${path}?${query}` : path, body, type);
        note(`${o.method} ${path}`, answer, id);
        if (answer.status === 422) faults.push(`${o.method} ${path} looked at the request before it looked for ${id}: ${answer.text}`);
      }
    if (hasPath) continue;
    for (const p of o.operation.parameters.filter((each) => each.in === "query" && each.schema.pattern))
      if (new RegExp(p.schema.pattern).test(id)) {
        const path = `${o.path}?${p.name}=${id}`;
        note(`${o.method} ${path}`, await send(own, o.method, path, body, type), id);
      }
    if (type === "application/json")
      for (const value of bodiesWith(media.schema, id))
        note(`${o.method} ${o.path} ${JSON.stringify(value)}`, await send(own, o.method, o.path, JSON.stringify(value), type), id);
  }
  ok(faults.length === 0, `${o.method} ${o.path} gives nothing of another company away`, faults);
}
ok(tries > 20, `requests with an id of the other company: ${tries}`);
console.log(`1..${number}`);
process.exit(failed === 0 ? 0 : 1);
