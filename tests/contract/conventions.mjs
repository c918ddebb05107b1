// conventions - what is promised of all operations alike, read from the document and tried.
//
//   node conventions.mjs DOCUMENT.json URL KEY-FILE
//
// Of the document: a list takes `limit` and `cursor`; what creates takes Idempotency-Key; what two people may edit gives an
// ETag, which its GET takes in If-None-Match and its change in If-Match; a 429 says when to come back. Of the server: the
// ETag of the first row of each such list is good for a 304, and an older one is refused with 412 where it would change
// something. Speaks TAP.
import { readFileSync } from "node:fs";
import { Document } from "./document.mjs";

const [documentFile, url, keyFile] = process.argv.slice(2);
const doc = new Document(JSON.parse(readFileSync(documentFile, "utf8")));
const key = readFileSync(keyFile, "utf8").trim();
let number = 0;
let failed = 0;

function ok(good, name, why) {
  number++;
  if (!good) failed++;
  console.log(`${good ? "ok" : "not ok"} ${number} - ${name}`);
  if (!good) console.log(`#   ${JSON.stringify(why).slice(0, 900)}`);
}

const resolve = (p) => (p.$ref ? p.$ref.split("/").slice(1).reduce((at, name) => at[name], doc.json) : p);
const names = (o) => (o.operation.parameters ?? []).map((p) => resolve(p).name);
const label = (o) => `${o.method} ${o.path}`;
const guarded = doc.operations.filter((o) => o.operation["x-permission"]);
const body200 = (o) => o.operation.responses["200"]?.content?.["application/json"]?.schema?.properties ?? {};

const lists = guarded.filter((o) => o.method === "GET" && body200(o).data && body200(o).next_cursor);
const without = lists.filter((o) => !names(o).includes("limit") || !names(o).includes("cursor"));
ok(lists.length > 10 && without.length === 0, `each of ${lists.length} lists takes limit and cursor`, without.map(label));

// A session's own steps can be made once each; to repeat one of them is to be told so.
const creates = guarded.filter((o) => o.method === "POST" && o.operation.responses["201"] && !o.path.startsWith("/v1/auth/"));
const unsafe = creates.filter((o) => !names(o).includes("Idempotency-Key"));
ok(creates.length > 5 && unsafe.length === 0, `each of ${creates.length} operations that create takes Idempotency-Key`, unsafe.map(label));

const silent = doc.operations.filter((o) => {
  const headers = Object.keys(o.operation.responses["429"]?.headers ?? {});
  return !["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After"].every((name) => headers.includes(name));
});
ok(silent.length === 0, "each operation says what a 429 comes with", silent.map(label));

const tagged = (o) => o?.operation.responses["200"]?.headers?.ETag !== undefined;
const read = (path) => doc.operations.find((o) => o.method === "GET" && o.path === path);
const edits = guarded.filter((o) => o.method === "PATCH");
const loose = edits.filter((o) => !tagged(read(o.path)) || !names(o).includes("If-Match"));
ok(edits.length > 2 && loose.length === 0, `each of ${edits.length} PATCHes is of something with an ETag, and takes If-Match`, loose.map(label));
const gets = guarded.filter((o) => o.method === "GET" && tagged(o));
const blind = gets.filter((o) => !names(o).includes("If-None-Match") || !o.operation.responses["304"]);
ok(gets.length > 3 && blind.length === 0, `each of ${gets.length} GETs with an ETag takes If-None-Match`, blind.map(label));

async function ask(method, path, headers = {}, body = undefined) {
  const response = await fetch(url + path, { method, headers: { authorization: `Bearer ${key}`, ...headers }, body });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

for (const o of gets) {
  const list = await ask("GET", `${o.path.replace(/\/\{id\}$/, "")}?limit=1`);
  const id = JSON.parse(list.text).data?.[0]?.id;
  const path = o.path.replace("{id}", id);
  const first = await ask("GET", path);
  const tag = first.headers.get("etag");
  ok(first.headers.get("cache-control") === "private, no-cache", `GET ${o.path}: only one's own browser keeps it, and asks again`, first.headers.get("cache-control"));
  const same = await ask("GET", path, { "if-none-match": `"0", ${tag}` });
  ok(first.status === 200 && same.status === 304 && same.text === "" && same.headers.get("etag") === tag, `GET ${o.path}: 304 for who has it`, [path, tag, first, same]);
  const other = await ask("GET", path, { "if-none-match": '"0"' });
  ok(other.status === 200 && other.text === first.text, "… and all of it for who has another state", other);
  for (const edit of guarded.filter((e) => names(e).includes("If-Match") && (e.path === o.path || e.path.startsWith(`${o.path}/`)))) {
    const [type, media] = Object.entries(edit.operation.requestBody.content)[0];
    const body = typeof media.example === "string" ? media.example : JSON.stringify(media.example);
    const where = edit.path.replace("{id}", id);
    const refused = await ask(edit.method, where, { "content-type": type, "if-match": '"1"' }, body);
    const after = await ask("GET", path);
    const is412 = refused.status === 412 && JSON.parse(refused.text).type.endsWith("/precondition_failed");
    ok(is412 && after.headers.get("etag") === tag, `${label(edit)}: nothing happens to another state than If-Match names`, refused);
  }
}
console.log(`1..${number}`);
process.exit(failed === 0 ? 0 : 1);
