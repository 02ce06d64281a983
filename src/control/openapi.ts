import { OpenAPIHono, z } from "@hono/zod-openapi";
import type { RouteConfig } from "@hono/zod-openapi";
import { TAGS, takesKey } from "./operation.ts";
import type { Operation } from "./operation.ts";
import { problem } from "./shapes/problem.ts";

/** An OpenAPI 3.1 document. */
export type Document = ReturnType<OpenAPIHono["getOpenAPI31Document"]>;

const PROBLEM = { "application/problem+json": { schema: problem } };

/** The OpenAPI 3.1 document of these operations. */
export function documentOf(operations: readonly Operation[], version: string): Document {
  const made = new OpenAPIHono();
  made.openAPIRegistry.registerComponent("securitySchemes", "token", {
    type: "http",
    scheme: "bearer",
    description: "The token of the data directory, or one that `agentctl tokens create` made.",
  });
  for (const operation of operations) made.openAPIRegistry.registerPath(routeOf(operation));
  return made.getOpenAPI31Document({
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
  });
}

function routeOf(operation: Operation): RouteConfig {
  const { id, method, path, scope, tag, summary, description, stream, body } = operation;
  const content = body !== undefined && { "application/json": { schema: body } };
  const bytes = stream !== undefined && { [stream]: { schema: BINARY } };
  const needed = { read: "read", operate: "operate", admin: "admin" }[scope as string];
  const more = [description, needed && `Needs the scope \`${needed}\`.`]
    .filter(Boolean)
    .join("\n\n");
  return {
    operationId: id,
    method,
    path,
    tags: [tag],
    summary,
    ...(more !== "" && { description: more }),
    ...(scope === "open" && { security: [] }),
    request: {
      params: z.object(paramsOf(operation)),
      query: z.object(operation.query ?? {}),
      headers: Object.entries(headersOf(operation)).map(([name, text]) =>
        z
          .string()
          .optional()
          .openapi({ param: { in: "header", name, description: text } }),
      ),
      ...((content || bytes) && { body: { content: content || bytes, required: true } }),
    } as RouteConfig["request"] & object,
    responses: responsesOf(operation),
  };
}

const BINARY = z.string().openapi({ format: "binary" });

function paramsOf({ path, params = {} }: Operation): Record<string, z.ZodType> {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
  const text = (name: string): string =>
    name === "ref" ? "The agent: its npub, hex public key or name." : (params[name] ?? name);
  return Object.fromEntries(
    names.map((name) => [
      name,
      z.string().openapi({ param: { in: "path", name, description: text(name) } }),
    ]),
  );
}

/** The headers that an operation reads. */
function headersOf(operation: Operation): Readonly<Record<string, string>> {
  const { headers = {} } = operation;
  return takesKey(operation) ? { ...headers, "Idempotency-Key": ONCE } : headers;
}

const ONCE = "Sent again under the same key within a day, the request is answered as it was.";

function responsesOf({ answers }: Operation): RouteConfig["responses"] {
  const responses: RouteConfig["responses"] = {};
  for (const [status, { description, body, type }] of Object.entries(answers)) {
    const content =
      body !== undefined
        ? { "application/json": { schema: body } }
        : type !== undefined && {
            [type]: { schema: type.startsWith("text/") ? z.string() : BINARY },
          };
    responses[status] = { description, ...(content && { content }) };
  }
  responses["4XX"] = { description: "It was refused.", content: PROBLEM };
  responses["5XX"] = { description: "It failed.", content: PROBLEM };
  return responses;
}
