import * as z from "zod/v4";
import { described } from "./described.ts";
import { hasRest, TAGS, takesKey } from "./operation.ts";
import type { Operation } from "./operation.ts";
import { problem } from "./shapes/problem.ts";

/** An OpenAPI 3.1 document, as far as it is known here. */
export interface Document {
  readonly openapi: "3.1.0";
  readonly paths: Readonly<Record<string, Readonly<Record<string, object>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, object>>;
    readonly securitySchemes: object;
  };
  readonly [member: string]: unknown;
}

/** A JSON Schema of draft 2020-12, which is the dialect of OpenAPI 3.1. */
type JsonSchema = Readonly<Record<string, unknown>>;

/** The OpenAPI 3.1 document of these operations. */
export function documentOf(operations: readonly Operation[], version: string): Document {
  const schemas: Record<string, JsonSchema> = {};
  const paths: Record<string, Record<string, object>> = {};
  for (const operation of operations) {
    // OpenAPI knows no part that is all the rest: the parameter says so.
    const path = operation.path.replace("...}", "}");
    (paths[path] ??= {})[operation.method] = entryOf(operation, schemas);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "OpenAgents Runtime",
      version,
      description:
        "The control API of a home of agents. An agent is named by its id (npub), hex public key or name. Errors are problem documents (RFC 9457) whose `code` says what went wrong.",
      license: { name: "MIT", url: "https://opensource.org/license/mit" },
    },
    servers: [{ url: "/" }],
    security: [{ token: [] }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas,
      securitySchemes: {
        token: {
          type: "http",
          scheme: "bearer",
          description:
            "The token of the data directory, or one that `agentctl tokens create` made.",
        },
        signed: {
          type: "http",
          scheme: "nostr",
          description: "A request that a Nostr key signs (NIP-98).",
        },
      },
    },
  };
}

/** What the document says of one operation. Schemas with a name are put among `schemas`. */
function entryOf(operation: Operation, schemas: Record<string, JsonSchema>): object {
  const { id, scope, tag, summary, description, stream, body, signed } = operation;
  const inputs = (schema: z.ZodType): JsonSchema => schemaOf(schema, "input", schemas);
  const content =
    body !== undefined
      ? { "application/json": { schema: inputs(body) } }
      : stream !== undefined && { [stream]: { schema: BINARY } };
  const needs = scope === "open" || scope === "ticket" ? "" : `Needs the scope \`${scope}\`.`;
  const text = [description ?? "", needs].filter((one) => one !== "").join("\n\n");
  const parameters = [
    ...pathParameters(operation),
    ...Object.entries(operation.query ?? {}).map(([name, schema]) => {
      const { description: what, ...rest } = { ...inputs(schema), ...described.get(schema) };
      return { name, in: "query", required: false, description: what, schema: rest };
    }),
    ...Object.entries(headersOf(operation)).map(([name, what]) => ({
      name,
      in: "header",
      required: false,
      description: what,
      schema: { type: "string" },
    })),
  ];
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(text !== "" && { description: text }),
    ...(scope === "open" && { security: [] }),
    ...(signed === true && { security: [{ token: [] }, { signed: [] }] }),
    ...(parameters.length > 0 && { parameters }),
    ...(content && { requestBody: { required: !hasRest(operation), content } }),
    responses: responsesOf(operation, schemas),
  };
}

const BINARY = { type: "string", format: "binary" };

/** A schema as JSON Schema, in which one that has a name is a reference to `schemas`. */
function schemaOf(
  schema: z.ZodType,
  io: "input" | "output",
  schemas: Record<string, JsonSchema>,
): JsonSchema {
  const options = { metadata: described, io, target: "draft-2020-12" } as const;
  const made = JSON.stringify(z.toJSONSchema(schema, options));
  const {
    $schema: _dialect,
    $defs = {},
    id,
    ...rest
  } = JSON.parse(made.replaceAll('"#/$defs/', '"#/components/schemas/')) as {
    readonly $schema: string;
    readonly $defs?: Readonly<Record<string, JsonSchema>>;
    readonly id?: string;
  };
  for (const [name, { id: _id, ...one }] of Object.entries($defs)) schemas[name] ??= one;
  if (id === undefined) return rest;
  schemas[id] ??= rest;
  return { $ref: `#/components/schemas/${id}` };
}

function pathParameters({ path, params = {} }: Operation): readonly object[] {
  return [...path.matchAll(/\{(\w+)(?:\.\.\.)?\}/g)].map(([, name = ""]) => ({
    name,
    in: "path",
    required: true,
    description: name === "ref" ? "The agent: its npub, hex public key or name." : params[name],
    schema: { type: "string" },
  }));
}

/** The headers that an operation reads. */
function headersOf(operation: Operation): Readonly<Record<string, string>> {
  const { headers = {} } = operation;
  return takesKey(operation) ? { ...headers, "Idempotency-Key": ONCE } : headers;
}

const ONCE = "Sent again under the same key within a day, the request is answered as it was.";

function responsesOf({ answers }: Operation, schemas: Record<string, JsonSchema>): object {
  const responses: Record<string, object> = {};
  for (const [status, { description, body, type }] of Object.entries(answers)) {
    const content = {
      ...(body && { "application/json": { schema: schemaOf(body, "output", schemas) } }),
      ...(type && { [type]: { schema: type.startsWith("text/") ? { type: "string" } : BINARY } }),
    };
    const empty = body === undefined && type === undefined;
    responses[status] = { description, ...(!empty && { content }) };
  }
  const problems = { "application/problem+json": { schema: schemaOf(problem, "output", schemas) } };
  responses["4XX"] = { description: "It was refused.", content: problems };
  responses["5XX"] = { description: "It failed.", content: problems };
  return responses;
}
