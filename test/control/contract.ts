import assert from "node:assert/strict";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { documentOf } from "../../src/control/openapi.ts";
import { OPERATIONS } from "../../src/control/operations.ts";

/** The parts of the document that the tests look at. */
export interface OperationDocument {
  readonly operationId: string;
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly schema: object;
  }[];
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema: object }>>;
  };
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: object }>> }>
  >;
}

/** The document of the whole API. */
export const DOCUMENT = JSON.parse(JSON.stringify(documentOf(OPERATIONS, "1.2.3"))) as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationDocument>>>>;
  readonly components: object;
};

const ajv = new Ajv2020({ strict: false, allErrors: true });
(addFormats as unknown as (ajv: Ajv2020) => void)(ajv);
ajv.addSchema({ $id: "document", components: DOCUMENT.components });

/** Asserts that a value fits a schema of the document. */
export function assertFits(schema: object, value: unknown, what: string): void {
  const text = JSON.stringify(schema).replaceAll('"#/components/', '"document#/components/');
  const validate = compiled.get(text) ?? ajv.compile(JSON.parse(text) as object);
  compiled.set(text, validate);
  assert.ok(
    validate(value),
    `${what}: ${ajv.errorsText(validate.errors)}: ${JSON.stringify(value)}`,
  );
}

const compiled = new Map<string, ReturnType<Ajv2020["compile"]>>();

/** The operation that a request is for; undefined for none. */
export function operationOf(method: string, path: string): OperationDocument | undefined {
  const { pathname } = new URL(path, "http://x");
  const given = method === "HEAD" ? "get" : method.toLowerCase();
  const fitting = Object.entries(DOCUMENT.paths)
    .filter(([template]) => fits(template, pathname))
    .toSorted(([a], [b]) => a.split("{").length - b.split("{").length);
  // An address that has all that is below it gives way to others.
  const others = fitting.filter(([template]) => !template.endsWith("/{path}"));
  if (others.length > 0) return others.find(([, methods]) => given in methods)?.[1][given];
  const rest = /^\/agents\/[^/]+\//.test(pathname)
    ? operationOf(method, `/fs${pathname}`)
    : undefined;
  return rest ?? fitting.toReversed().find(([, methods]) => given in methods)?.[1][given];
}

function fits(template: string, pathname: string): boolean {
  const [wanted, given] = [template.split("/"), pathname.split("/")];
  if (wanted.at(-1) === "{path}") {
    const before = wanted.slice(0, -1);
    return before.every((part, i) =>
      part.startsWith("{") ? (given[i] ?? "") !== "" : part === given[i],
    );
  }
  return (
    wanted.length === given.length &&
    wanted.every((part, i) => (part.startsWith("{") ? given[i] !== "" : part === given[i]))
  );
}

/** Asserts that a response is one that the document has for this request. Reads a copy of it. */
export async function assertContract(
  method: string,
  path: string,
  response: Response,
): Promise<void> {
  const operation = operationOf(method, path);
  if (operation === undefined || method === "HEAD") return;
  const what = `${method} ${path} ${response.status}`;
  const { responses } = operation;
  const answer = responses[response.status] ?? responses[`${Math.floor(response.status / 100)}XX`];
  assert.ok(answer, `${what}: the document has no such status`);
  const type = response.headers.get("content-type")?.split(";")[0];
  if (answer.content === undefined) {
    assert.equal(await response.clone().text(), "", what);
    return;
  }
  const body = answer.content[type ?? ""] ?? answer.content["*/*"];
  assert.ok(body, `${what}: the document has no body of type ${type}`);
  if (type?.endsWith("json") !== true) return;
  assertFits(body.schema, await response.clone().json(), what);
}
