// document - the API document of a server as something that answers questions.
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { Validator } from "@seriousme/openapi-schema-validator";

const OPERATORS = /^\/(metrics|healthz|readyz)$/;

export class Document {
  #ajv;
  #compiled = new Map();
  operations = [];

  constructor(json) {
    this.json = json;
    this.#ajv = new Ajv({ strict: false, allErrors: true });
    addFormats(this.#ajv);
    this.#ajv.addSchema(json, "document");
    for (const [path, methods] of Object.entries(json.paths))
      for (const [method, operation] of Object.entries(methods))
        this.operations.push({ path, method: method.toUpperCase(), operation, pattern: patternOf(path) });
  }

  // What the OpenAPI 3.1 schema has against the document: [] is nothing.
  async faults() {
    const result = await new Validator().validate(structuredClone(this.json));
    return result.valid ? [] : [result.errors].flat();
  }

  // The operation that a request was for; undefined: there is none. A literal segment goes before a parameter.
  find(method, path) {
    const plain = path.split("?")[0];
    return this.operations
      .filter((o) => o.method === method && o.pattern.test(plain))
      .sort((a, b) => a.path.split("{").length - b.path.split("{").length)[0];
  }

  // Validates a value against the schema at a place of the document; null, or what is wrong.
  check(pointer, value) {
    if (!this.#compiled.has(pointer)) this.#compiled.set(pointer, this.#ajv.compile({ $ref: `document#${pointer}` }));
    const validate = this.#compiled.get(pointer);
    return validate(value) ? null : this.#ajv.errorsText(validate.errors, { separator: "; " });
  }

  // What is wrong with an answer; null: it keeps the promise.
  faultOf({ method, path, status, contentType, body }) {
    const found = this.find(method, path);
    // There is none: what the edge answers to that is in no document. Nor is what is for operators.
    const isEdge = [404, 405, 414, 501].includes(status) || OPERATORS.test(path);
    if (found === undefined) return isEdge ? null : "no operation is documented";
    const answer = found.operation.responses[String(status)];
    if (answer === undefined) return `status ${status} is not documented`;
    const type = contentType.split(";")[0];
    if (answer.content === undefined) return body.length === 0 ? null : "a body where none is documented";
    if (answer.content[type] === undefined) return `${type || "no content type"} is not documented for ${status}`;
    if (!/json$/.test(type)) return null;
    let value;
    try {
      value = JSON.parse(body);
    } catch (error) {
      return `not JSON: ${error.message}`;
    }
    const keys = ["paths", found.path, method.toLowerCase(), "responses", String(status), "content", type, "schema"];
    return this.check(keys.map((key) => "/" + escape(key)).join(""), value);
  }
}

// A JSON pointer inside a URI fragment.
function escape(key) {
  return encodeURIComponent(key.replaceAll("~", "~0").replaceAll("/", "~1"));
}

export { escape };

function patternOf(path) {
  return new RegExp("^" + path.replace(/[.+*?^$()[\]]/g, "\\$&").replace(/\{\w+\}/g, "[^/]+") + "$");
}
