// compare - what a later API document takes from those who rely on an earlier one: [] is nothing.
//
// A request that was good must stay good, so what is taken may only grow. An answer that was understood must stay
// understood, so it may get more fields and nothing else: a value that was not there before (a type, null, a further name
// of an enum) is one that somebody's program has no branch for. A pattern that changes counts as narrower; nobody can tell.

const METHODS = ["get", "put", "post", "delete", "patch"];
const LOWER = ["minimum", "minLength", "minItems", "minProperties"];
const UPPER = ["maximum", "maxLength", "maxItems", "maxProperties"];

class Comparison {
  constructor(before, after) {
    this.before = before;
    this.after = after;
    this.faults = [];
  }

  // A $ref, looked up in its document.
  static resolve(schema, document) {
    while (schema?.$ref)
      schema = schema.$ref.slice(2).split("/").reduce((at, key) => at?.[key.replaceAll("~1", "/").replaceAll("~0", "~")], document);
    return schema ?? {};
  }

  fault(at, text) {
    this.faults.push(`${at}: ${text}`);
  }

  request(before, after, at) {
    this.#within(before, after, at, { smaller: this.before, larger: this.after, answer: false });
  }

  answer(before, after, at) {
    this.#within(after, before, at, { smaller: this.after, larger: this.before, answer: true });
  }

  // Is everything that `a` allows allowed by `b`?
  #within(a, b, at, side) {
    a = Comparison.resolve(a, side.smaller);
    b = Comparison.resolve(b, side.larger);
    const own = a.anyOf ?? a.oneOf;
    if (own) return own.forEach((each) => this.#within(each, b, at, side));
    const choices = b.anyOf ?? b.oneOf;
    if (choices) return this.#withinOne(a, choices, at, side);
    this.#types(a, b, at, side);
    this.#bounds(a, b, at, side);
    if (b.properties || a.properties) this.#fields(a, b, at, side);
    if (typeof b.additionalProperties === "object" && a.additionalProperties)
      this.#within(a.additionalProperties === true ? {} : a.additionalProperties, b.additionalProperties, `${at}/*`, side);
    if (b.items) this.#within(a.items ?? {}, b.items, `${at}/0`, side);
  }

  #withinOne(a, choices, at, side) {
    const tries = choices.map((choice) => {
      const attempt = new Comparison(this.before, this.after);
      attempt.#within(a, choice, at, side);
      return attempt.faults;
    });
    const best = tries.reduce((x, y) => (y.length < x.length ? y : x));
    this.faults.push(...best);
  }

  #types(a, b, at, side) {
    const list = (type) => (type === undefined ? null : [type].flat());
    const [mine, theirs] = [list(a.type), list(b.type)];
    const fits = (type) => theirs.includes(type) || (type === "integer" && theirs.includes("number"));
    if (theirs && !(mine ?? []).every(fits)) this.fault(at, `was ${side.answer ? theirs : mine}, is ${side.answer ? mine : theirs}`);
    else if (theirs && !mine && !a.enum) this.fault(at, side.answer ? "may be anything now" : `was anything, is ${theirs}`);
    if (b.enum && !a.enum) this.fault(at, side.answer ? "may be any text now" : `is one of ${b.enum} now`);
    const strange = b.enum && a.enum ? a.enum.filter((value) => !b.enum.includes(value)) : [];
    if (strange.length > 0) this.fault(at, side.answer ? `may be ${strange} now` : `may not be ${strange} any more`);
  }

  #bounds(a, b, at, side) {
    const says = (name) => (side.answer ? `${name} was ${b[name]}, is ${a[name]}` : `${name} was ${a[name]}, is ${b[name]}`);
    for (const name of LOWER) if (b[name] !== undefined && !(a[name] >= b[name])) this.fault(at, says(name));
    for (const name of UPPER) if (b[name] !== undefined && !(a[name] <= b[name])) this.fault(at, says(name));
    for (const name of ["pattern", "format", "const"]) if (b[name] !== undefined && a[name] !== b[name]) this.fault(at, says(name));
  }

  #fields(a, b, at, side) {
    const [mine, theirs] = [a.properties ?? {}, b.properties ?? {}];
    for (const name of Object.keys(side.answer ? theirs : mine)) {
      const gone = side.answer ? mine[name] === undefined : theirs[name] === undefined && b.additionalProperties === false;
      if (gone) this.fault(`${at}/${name}`, "is gone");
      else if (theirs[name] !== undefined) this.#within(mine[name], theirs[name], `${at}/${name}`, side);
    }
    for (const name of b.required ?? [])
      if (!a.required?.includes(name) && !(side.answer && mine[name] === undefined))
        this.fault(`${at}/${name}`, side.answer ? "may be missing now" : "is required now");
    if (!side.answer && a.additionalProperties !== false && b.additionalProperties === false) this.fault(at, "takes no other fields any more");
  }
}

function compareParameters(c, before, after, at) {
  const of = (operation, document) => new Map((operation.parameters ?? []).map((p) => Comparison.resolve(p, document)).map((p) => [`${p.in} ${p.name}`, p]));
  const [old, now] = [of(before, c.before), of(after, c.after)];
  for (const [name, p] of old)
    if (!now.has(name)) c.fault(`${at} ${name}`, "is gone");
    else {
      if (!p.required && now.get(name).required) c.fault(`${at} ${name}`, "is required now");
      c.request(p.schema, now.get(name).schema, `${at} ${name}`);
    }
  for (const [name, p] of now) if (p.required && !old.has(name)) c.fault(`${at} ${name}`, "is required now");
}

function compareContents(c, before, after, at, direction) {
  for (const [type, media] of Object.entries(before ?? {}))
    if (after?.[type] === undefined) c.fault(at, `${type} is gone`);
    else c[direction](media.schema, after[type].schema, `${at} `);
}

function compareOperation(c, before, after, at) {
  if (before["x-permission"] !== after["x-permission"])
    c.fault(at, `the permission was ${before["x-permission"] ?? "none"}, is ${after["x-permission"] ?? "none"}`);
  if (!before["x-step-up"] && after["x-step-up"]) c.fault(at, "wants the password once more now");
  compareParameters(c, before, after, at);
  if (!before.requestBody && after.requestBody?.required) c.fault(at, "wants a body now");
  if (before.requestBody) compareContents(c, before.requestBody.content, after.requestBody?.content, `${at} body`, "request");
  for (const [status, answer] of Object.entries(before.responses).filter(([status]) => status < "300")) {
    const now = after.responses[status];
    if (!now) {
      c.fault(at, `does not answer ${status} any more`);
      continue;
    }
    for (const name of Object.keys(answer.headers ?? {})) if (!now.headers?.[name]) c.fault(`${at} ${status}`, `the header ${name} is gone`);
    compareContents(c, answer.content, now.content, `${at} ${status}`, "answer");
  }
}

export function compare(before, after) {
  const c = new Comparison(before, after);
  for (const [path, item] of Object.entries(before.paths))
    for (const method of METHODS.filter((name) => item[name])) {
      const at = `${method.toUpperCase()} ${path}`;
      const now = after.paths[path]?.[method];
      if (now) compareOperation(c, item[method], now, at);
      else c.fault(at, "is gone");
    }
  for (const name of Object.keys(before.components?.securitySchemes ?? {}))
    if (!after.components?.securitySchemes?.[name]) c.fault(`security ${name}`, "is gone");
  return c.faults;
}
