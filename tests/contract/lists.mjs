// lists - every list that can be sorted, page by page in every order.
//
//   node lists.mjs DOCUMENT.json URL KEY-FILE
//
// The lists are those of the document with a parameter `sort`, and those whose pages have a `total`: they have all of
// `sort`, `q`, `page` and `total`. Expected: each row once, backwards the same backwards, `total` on the first page and
// null on those after a cursor; the same rows by numbered pages, each with the total; `q` finds what has it in its name (or note), in any case, and nothing else. Speaks TAP.
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
  if (!good) console.log(`#   ${JSON.stringify(why).slice(0, 600)}`);
}

async function page(path, query) {
  const response = await fetch(`${url}${path}?${new URLSearchParams(query)}`, { headers: { authorization: `Bearer ${key}` } });
  return { status: response.status, ...(await response.json()) };
}

async function walk(path, sort) {
  const rows = [];
  const totals = [];
  for (let cursor; ;) {
    const answer = await page(path, { limit: 2, sort, ...(cursor && { cursor }) });
    if (answer.status !== 200) throw new Error(`${path} ${sort}: ${JSON.stringify(answer)}`);
    rows.push(...answer.data);
    totals.push(answer.total);
    cursor = answer.next_cursor;
    if (cursor === null) return { rows, totals };
  }
}

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const has = (operation, name) => operation.parameters.some((p) => p.name === name);
const page200 = (operation) => operation.responses["200"]?.content?.["application/json"]?.schema?.properties ?? {};
const lists = doc.operations.filter((o) => has(o.operation, "sort") || (page200(o.operation).total && page200(o.operation).next_cursor));
for (const { path, operation } of lists) {
  ok(["sort", "q", "page"].every((name) => has(operation, name)) && page200(operation).total !== undefined, `GET ${path} has sort, q, page and total`, path);
  const names = operation.parameters.find((p) => p.name === "sort").schema.enum.filter((name) => !name.startsWith("-"));
  const whole = (await page(path, { limit: 500 })).data.map((row) => row.id);
  for (const name of names) {
    const up = await walk(path, name);
    const down = await walk(path, `-${name}`);
    const ids = up.rows.map((row) => row.id);
    ok(ids.length > 4 && same([...ids].sort(), [...whole].sort()), `GET ${path} by ${name}: each of ${whole.length} rows once`, ids);
    ok(same(ids, down.rows.map((row) => row.id).reverse()), "… and backwards the same", down.rows);
    // Languages have their own orders; what all agree on is what differs in more than case.
    const of = (row) => (name === "name" ? row.name.toLowerCase().slice(0, 1) : row[name]);
    ok(up.rows.every((row, i) => i === 0 || of(up.rows[i - 1]) <= of(row)), "… in this order", up.rows.map(of));
    ok([up, down].every(({ totals }) => totals[0] === whole.length && totals.slice(1).every((n) => n === null)), "… counted once", [up.totals, down.totals]);
  }
  const text = (row) => (row.name ?? row.note).toLowerCase();
  const found = await page(path, { limit: 500, q: "ALPHA" });
  const expected = (await page(path, { limit: 500 })).data.filter((row) => text(row).includes("alpha"));
  ok(expected.length > 1 && same(found.data.map((row) => row.id), expected.map((row) => row.id)) && found.total === expected.length,
    "… searched by a part of the name", [found.data?.map(text), expected.map(text)]);
  const numbered = [];
  for (let n = 1; n <= Math.ceil(whole.length / 2) + 1; n++) numbered.push(await page(path, { limit: 2, page: n }));
  ok(same(numbered.flatMap(({ data }) => data.map((row) => row.id)), whole) && numbered.every(({ total }) => total === whole.length),
    "… page by number the same rows, each page with the total", numbered.map(({ total, data }) => [total, data?.length]));
  const next = await page(path, { limit: 2, cursor: numbered[1].next_cursor });
  ok(same(next.data, numbered[2].data), "… and on from there by its cursor", [next, numbered[2]]);
  for (const query of [{ page: 2, cursor: numbered[0].next_cursor }, { page: 0 }, { page: 500, limit: 500 }]) {
    const refused = await page(path, query);
    ok(refused.status === 422 && refused.errors[0].pointer === "?page", `… not ${JSON.stringify(query).slice(0, 30)}`, refused);
  }
  const nothing = await page(path, { q: "a%" });
  ok(nothing.status === 200 && nothing.data.length === 0 && nothing.total === 0, "… and a wildcard is a letter", nothing);
  if (!names.includes("name")) continue;
  const cursor = (await page(path, { limit: 2, sort: "name" })).next_cursor;
  const answer = await page(path, { limit: 2, sort: "created_at", cursor });
  ok(answer.status === 422 && answer.errors[0].pointer === "?cursor", "… and a cursor by name is none by time", answer);
}
ok(lists.length >= 5, `lists that can be sorted: ${lists.length}`, []);
console.log(`1..${number}`);
process.exit(failed === 0 ? 0 : 1);
