// compare_spec - small documents before and after, and what compare.mjs has to say. Speaks TAP.
import { compare } from "./compare.mjs";

const text = { type: "string" };
const fields = (properties, required = []) => ({ type: "object", properties, required, additionalProperties: false });
const json = (schema) => ({ content: { "application/json": { schema } } });
const PARROT = fields({ name: text, age: { type: "integer", minimum: 0 } }, ["name"]);

function document({ body = PARROT, answer = PARROT, parameters = [], ...rest } = {}) {
  const post = {
    parameters, "x-permission": "parrots:write", requestBody: { required: true, ...json(body) },
    responses: { 200: { headers: { ETag: {} }, ...json(answer) }, 422: json({}) }, ...rest,
  };
  return { paths: { "/parrots": { post } }, components: { schemas: { Parrot: PARROT } } };
}
const query = (name, schema, required = false) => ({ name, in: "query", required, schema });
const oneOf = (...names) => ({ type: "string", enum: names });
const nullable = (schema) => ({ anyOf: [schema, { type: "null" }] });

// name, before, after, the faults: how each begins
const AT = "POST /parrots";
const TABLE = [
  ["the same", document(), document(), []],
  ["a new route", { paths: {} }, document(), []],
  ["a route is gone", document(), { paths: {} }, [`${AT}: is gone`]],
  ["a method is gone", document(), { paths: { "/parrots": { get: { responses: {} } } } }, [`${AT}: is gone`]],
  ["another permission", document(), document({ "x-permission": "parrots:*" }), [`${AT}: the permission was`]],
  ["no permission any more", document(), document({ "x-permission": undefined }), [`${AT}: the permission was`]],
  ["the password once more", document(), document({ "x-step-up": true }), [`${AT}: wants the password`]],
  ["… and not any more", document({ "x-step-up": true }), document(), []],

  ["a further field in an answer", document(), document({ answer: fields({ ...PARROT.properties, hue: text }, ["name", "hue"]) }), []],
  ["a field of an answer is gone", document(), document({ answer: fields({ name: text }, ["name"]) }), [`${AT} 200 /age: is gone`]],
  ["a field of an answer has another name", document(), document({ answer: fields({ title: text, age: PARROT.properties.age }, ["title"]) }), [`${AT} 200 /name: is gone`]],
  ["a field of an answer may be missing", document(), document({ answer: fields(PARROT.properties) }), [`${AT} 200 /name: may be missing`]],
  ["a field of an answer may be null", document(), document({ answer: fields({ ...PARROT.properties, name: nullable(text) }, ["name"]) }), [`${AT} 200 /name: was string, is null`]],
  ["… and is never null any more", document({ answer: nullable(PARROT) }), document(), []],
  ["a field of an answer has another type", document(), document({ answer: fields({ ...PARROT.properties, age: text }, ["name"]) }), [`${AT} 200 /age: was integer, is string`, `${AT} 200 /age: minimum`]],
  ["a further name in an answer's enum", document({ answer: oneOf("a") }), document({ answer: oneOf("a", "b") }), [`${AT} 200 : may be b now`]],
  ["one name fewer in an answer's enum", document({ answer: oneOf("a", "b") }), document({ answer: oneOf("a") }), []],
  ["deep in a list of an answer", document({ answer: { type: "array", items: PARROT } }), document({ answer: { type: "array", items: fields({ name: text }, ["name"]) } }), [`${AT} 200 /0/age: is gone`]],
  ["behind a reference", document({ answer: { $ref: "#/components/schemas/Parrot" } }), document({ answer: fields({ age: PARROT.properties.age }) }), [`${AT} 200 /name: is gone`]],
  ["an answer is gone", document(), document({ responses: { 201: json(PARROT) } }), [`${AT}: does not answer 200`]],
  ["a further answer", document(), document({ responses: { ...document().paths["/parrots"].post.responses, 202: json({}) } }), []],
  ["a refusal fewer", document(), document({ responses: { 200: document().paths["/parrots"].post.responses[200] } }), []],
  ["no ETag any more", document(), document({ responses: { 200: json(PARROT) } }), [`${AT} 200: the header ETag is gone`]],

  ["a further field in a request", document(), document({ body: fields({ ...PARROT.properties, hue: text }, ["name"]) }), []],
  ["a further field that is required", document(), document({ body: fields({ ...PARROT.properties, hue: text }, ["name", "hue"]) }), [`${AT} body /hue: is required now`]],
  ["an optional field becomes required", document(), document({ body: fields(PARROT.properties, ["name", "age"]) }), [`${AT} body /age: is required now`]],
  ["a required field becomes optional", document(), document({ body: fields(PARROT.properties) }), []],
  ["a field of a request is gone", document(), document({ body: fields({ name: text }, ["name"]) }), [`${AT} body /age: is gone`]],
  ["a narrower type", document({ body: { type: ["string", "integer"] } }), document({ body: text }), [`${AT} body : was string,integer`]],
  ["a wider type", document({ body: { type: "integer" } }), document({ body: { type: "number" } }), []],
  ["null is refused", document({ body: nullable(text) }), document({ body: text }), [`${AT} body : was null, is string`]],
  ["null is taken", document({ body: text }), document({ body: nullable(text) }), []],
  ["a shorter text", document({ body: { ...text, maxLength: 9 } }), document({ body: { ...text, maxLength: 8 } }), [`${AT} body : maxLength was 9, is 8`]],
  ["a longer text", document({ body: { ...text, maxLength: 9 } }), document({ body: { ...text, maxLength: 10 } }), []],
  ["a bound where none was", document({ body: { type: "integer" } }), document({ body: { type: "integer", minimum: 0 } }), [`${AT} body : minimum was undefined`]],
  ["another pattern", document({ body: { ...text, pattern: "^a" } }), document({ body: { ...text, pattern: "^b" } }), [`${AT} body : pattern`]],
  ["one name fewer in a request's enum", document({ body: oneOf("a", "b") }), document({ body: oneOf("a") }), [`${AT} body : may not be b`]],
  ["a further name in a request's enum", document({ body: oneOf("a") }), document({ body: oneOf("a", "b") }), []],
  ["a media type is gone", document({ requestBody: { content: { "text/csv": {} } } }), document(), [`${AT} body: text/csv is gone`]],

  ["a parameter is gone", document({ parameters: [query("q", text)] }), document(), [`${AT} query q: is gone`]],
  ["a further parameter", document(), document({ parameters: [query("q", text)] }), []],
  ["… that is required", document(), document({ parameters: [query("q", text, true)] }), [`${AT} query q: is required now`]],
  ["a narrower parameter", document({ parameters: [query("q", text)] }), document({ parameters: [query("q", oneOf("a"))] }), [`${AT} query q: is one of a now`]],
];

let failed = 0;
TABLE.forEach(([name, before, after, wanted], i) => {
  const got = compare(before, after);
  const good = got.length === wanted.length && wanted.every((start, n) => got[n].startsWith(start));
  if (!good) failed++;
  console.log(`${good ? "ok" : "not ok"} ${i + 1} - ${name}: ${wanted.length === 0 ? "passes" : "is found"}`);
  if (!good) console.log(`#   got ${JSON.stringify(got)}\n#   wanted ${JSON.stringify(wanted)}`);
});
console.log(`1..${TABLE.length}`);
process.exit(failed === 0 ? 0 : 1);
