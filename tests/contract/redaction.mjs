// redaction - secrets are sent through every route of the API document, where they belong and where they do not.
//
//   node redaction.mjs DOCUMENT.json URL KEY-FILE MARK MISPLACED-MARK
//
// Each secret looks like a real one (a key, a session, a password, a code, a master key) and holds a mark. Here no problem
// document may show one back; the caller looks for the marks in logs, metrics and the audit log. MARK is in secrets that
// stand where a secret may stand by its name, or where nothing is expected; MISPLACED-MARK in those that somebody has put
// into an ordinary field, a name perhaps, where they are data. Speaks TAP.
import { readFileSync } from "node:fs";
import { Document } from "./document.mjs";

const [documentFile, url, keyFile, mark, misplaced] = process.argv.slice(2);
const doc = new Document(JSON.parse(readFileSync(documentFile, "utf8")));
const key = readFileSync(keyFile, "utf8").trim();
const ID = "01h2xcejqtf2nbrexx3vqjhp41";
const SECRET_NAME = /password|code|ticket|token|secret|key$/;
let number = 0;
let failed = 0;
let sent = 0;

// What a secret may look like, 43 characters of base64url where one is in it.
const looks = (m) => {
  const bits = m.padEnd(42, "Q7x-9_") + "A";
  return [`tgk_${ID}_${bits}`, `tgs_${ID}_${bits}`, `correct horse ${m}`, bits, `eyJhbGciOiJFZERTQSJ9.${m}.${bits}`];
};
const proper = looks(mark);
const strayed = looks(misplaced);
const next = (() => {
  let i = 0;
  return (list) => list[i++ % list.length];
})();

async function send(operation, { query = "", headers = {}, body, token = key }) {
  const path = operation.path.replace(/\{\w+\}/g, () => {
    const prefix = /^\^([a-z]+)_/.exec(operation.operation.parameters[0]?.schema.pattern ?? "")?.[1];
    return prefix ? `${prefix}_${ID}` : "none";
  });
  const request = { method: operation.method, headers: { authorization: `Bearer ${token}`, ...headers }, signal: AbortSignal.timeout(15000) };
  if (body !== undefined && operation.method !== "GET") {
    request.body = typeof body === "string" ? body : JSON.stringify(body);
    request.headers["content-type"] ??= "application/json";
  }
  sent++;
  const response = await fetch(url + path + query, request);
  const text = await response.text();
  // A success shows what it was given; a refusal must not.
  return response.status >= 400 && (text.includes(mark) || text.includes(misplaced)) ? `${operation.method} ${path}${query} ${request.body ?? ""} → ${response.status} ${text}` : null;
}

function least(schema) {
  if (schema.anyOf || schema.oneOf) return least((schema.anyOf ?? schema.oneOf)[0]);
  if (schema.enum) return schema.enum[0];
  if (schema.examples) return schema.examples[0];
  if (schema.format === "date-time") return "2026-07-15T10:00:00Z";
  if (schema.type === "object")
    return Object.fromEntries((schema.required ?? []).map((name) => [name, least(schema.properties[name])]));
  return { array: [], integer: schema.minimum ?? 1, boolean: false, null: null }[schema.type] ?? "x".repeat(schema.minLength ?? 1);
}

// Bodies with a secret in each place that takes a text; and one in a field that is none.
function* bodiesOf(media) {
  const base = media.example !== undefined && typeof media.example === "object" ? media.example : least(media.schema);
  yield* ["password", "token", "nonsense"].map((name) => ({ ...base, [name]: next(proper) }));
  for (const [name, schema] of Object.entries(media.schema.properties ?? {})) {
    const list = SECRET_NAME.test(name) ? proper : strayed;
    yield { ...base, [name]: next(list) };
    if (schema.type === "object" || schema.type === "array") yield { ...base, [name]: schema.type === "array" ? [next(strayed)] : { x: next(strayed) } };
  }
  yield [next(strayed)];
  yield next(strayed);
  yield `{"name": "${next(strayed)}`; // cut
}

for (const operation of doc.operations) {
  const shown = [];
  const note = (fault) => fault && shown.push(fault);
  for (const secret of proper) note(await send(operation, { token: secret, body: {} }));
  for (const name of ["x-api-key", "cookie", "idempotency-key", "x-csrf-token", "tollgate-company", "proxy-authorization", "traceparent"])
    note(await send(operation, { headers: { [name]: next(proper) }, body: {} }));
  note(await send(operation, { headers: { authorization: `Basic ${next(proper)}` }, body: {} }));
  for (const name of ["token", "api_key", "cursor", "nonsense"]) note(await send(operation, { query: `?${name}=${encodeURIComponent(next(proper))}`, body: {} }));
  for (const p of operation.operation.parameters.filter((each) => each.in === "query"))
    note(await send(operation, { query: `?${p.name}=${encodeURIComponent(next(strayed))}`, body: {} }));
  for (const [type, media] of Object.entries(operation.operation.requestBody?.content ?? {}))
    if (type === "application/json") for (const body of bodiesOf(media)) note(await send(operation, { body }));
    else note(await send(operation, { body: `${next(strayed)},1\n${next(strayed)}`, headers: { "content-type": type } }));
  number++;
  if (shown.length > 0) failed++;
  console.log(`${shown.length === 0 ? "ok" : "not ok"} ${number} - ${operation.method} ${operation.path} shows no secret in a refusal`);
  for (const line of shown.slice(0, 5)) console.log(`#   ${line.slice(0, 600)}`);
}
console.log(`ok ${++number} - requests with a secret in them: ${sent}`);
console.log(`1..${number}`);
process.exit(failed === 0 ? 0 : 1);
