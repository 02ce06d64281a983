import * as fc from "fast-check";
import { DOCUMENT } from "./contract.ts";
import type { OperationDocument } from "./contract.ts";
import { TOKEN, TYPES } from "./fuzz-home.ts";

/** How a request was made: as the document says, with one thing wrong, or with everything. */
export type Kind = "valid" | "nearly" | "wild";

/** A request to come. Texts may have placeholders, «pool:number», for what earlier answers had. */
export interface Draft {
  readonly operation: string;
  readonly kind: Kind;
  readonly method: string;
  /** The parts of the path; those that are `raw` are not encoded. */
  readonly parts: readonly { readonly text: string; readonly raw?: boolean }[];
  readonly query: readonly (readonly [string, string])[];
  readonly headers: readonly (readonly [string, string])[];
  /** A text with placeholders; bytes; or the number of a bundle. */
  readonly body: string | Uint8Array | { readonly bundle: number; readonly wrong: number } | null;
}

/** How often operations are asked for that make what others need, or take it away, or are slow; others 20. */
const WEIGHTS: Readonly<Record<string, number>> = {
  createAgent: 60,
  sendMail: 80,
  createSchedule: 60,
  createWebhook: 60,
  listDeadLetters: 40,
  listDeliveries: 40,
  deleteAgent: 5,
  deleteSchedule: 5,
  deleteWebhook: 5,
  // Whatever it finds is stopped until it is resumed.
  pauseRuntime: 3,
  resumeRuntime: 60,
  leaveHome: 8,
  departFromHome: 8,
  // A slow derivation of a key is what a password is for.
  exportAgentKey: 1,
};

type Schema = Readonly<Record<string, unknown>>;

interface Described {
  readonly method: string;
  readonly path: string;
  readonly document: OperationDocument;
}

/** All operations of the document. */
export const DESCRIBED: readonly Described[] = Object.entries(DOCUMENT.paths).flatMap(
  ([path, methods]) =>
    Object.entries(methods).map(([method, document]) => ({ method, path, document })),
);

/** Texts that have broken servers. */
const NASTY = [
  "",
  " ",
  "\0",
  "a\0b",
  "__proto__",
  "constructor",
  "hasOwnProperty",
  "toString",
  "..",
  "../..",
  "..%2f..",
  "%",
  "%zz",
  "%c0%af",
  "a/b",
  "a\\b",
  "?x=1",
  "#x",
  ";",
  "\r\nset-cookie: a=b",
  "\ud800",
  "\udc00x",
  "\ud83d\ude00",
  "\u202e",
  "\ufeff",
  "\u0130",
  "null",
  "NaN",
  "-1",
  "0",
  "1e309",
  "0x10",
  "9007199254740993",
  "99999999999999999999",
  "[object Object]",
  "${7*7}",
  "' OR 1=1 --",
  "{}",
  "x".repeat(64),
  "x".repeat(9000),
  "f".repeat(64),
  "0".repeat(64),
  "npub1" + "q".repeat(58),
  "nsec1" + "q".repeat(58),
  "ncryptsec1" + "q".repeat(157),
  "name@domain",
  "u@example.com",
  "_@example.com",
  "http://127.0.0.1/x",
  "https://user:pass@example.com/x",
  "javascript:alert(1)",
  "2026-02-30T00:00:00Z",
  "4m",
  "999999999999d",
] as const;

const nasty = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...NASTY) },
  { weight: 2, arbitrary: fc.string({ unit: "binary", maxLength: 40 }) },
  { weight: 1, arbitrary: fc.stringMatching(/^[\ud800-\udfff]{1,4}$/) },
);

const number = fc.oneof(
  fc.constantFrom(0, -0, -1, 0.5, 1e308, -1e308, 5e-324, 2 ** 31, 2 ** 32, 2 ** 53, 2 ** 53 + 2),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
);

const key = fc.oneof(
  fc.constantFrom("__proto__", "constructor", "", "id", "name", "then", "toJSON", "\0", "a.b", "0"),
  nasty,
);

/** Any JSON value, of the kind that nobody expects. */
const wildJson: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: false },
    fc.oneof(fc.constantFrom(null, true, false), number, nasty),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.array(fc.tuple(key, tie("value")), { maxLength: 4 }).map((all) => Object.fromEntries(all)),
  ),
})).value;

const pool = (...names: readonly string[]): fc.Arbitrary<string> =>
  fc.tuple(fc.constantFrom(...names), fc.nat(30)).map(([name, n]) => `«${name}:${n}»`);

const agentRef = fc.oneof(
  { weight: 6, arbitrary: pool("agent") },
  { weight: 2, arbitrary: fc.constantFrom(...TYPES) },
);
const smallName = fc.stringMatching(/^[a-z][a-z0-9]{0,3}$/);
const moment = fc.constantFrom<unknown>(
  "2026-03-01T09:00:00Z",
  "2999-01-01T00:00:00+01:00",
  4_000_000_000_000,
  1,
);

/** What parameters and members of these names are, beyond what the document says. */
const HINTS: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  ref: agentRef,
  agent: agentRef,
  envelope: pool("envelope"),
  trigger: pool("envelope"),
  delivery: pool("delivery"),
  n: fc.constantFrom("1", "2", "3", "7"),
  cursor: pool("cursor"),
  name: smallName,
  label: smallName,
  type: fc.constantFrom(...TYPES),
  cron: fc.constantFrom("0 9 * * 1-5", "@daily", "* * * * * *", "0 0 29 2 *", "30 2 * * *"),
  timeZone: fc.constantFrom("Europe/Berlin", "UTC", "Asia/Kolkata", "Pacific/Apia"),
  every: fc.constantFrom<unknown>("1s", 1000, "30d", "1h30m"),
  start: moment,
  at: moment,
  url: fc.constantFrom("https://example.com/x", "https://example.org:8443/", "http://[2606::1]/"),
  events: fc.constantFrom(["*"], ["agent.*"], ["agent.tick.failed"], ["agent.event.heard"]),
  move: fc.constantFrom("m1", "m2"),
  wait: fc.constantFrom("", "1", "5ms", "30s"),
  to: fc.oneof(pool("home"), pool("agent")),
  key: pool("nsec"),
  passphrase: smallName,
  password: smallName,
  labels: fc.array(smallName, { maxLength: 3 }),
  head: fc.constant(null),
  path: fc.constantFrom(
    "",
    ..."a b%20c box box/ box/1 echo events locked unknown".split(" "),
    ..."d/ d/e d/e/f a/b %E2%80%A8%C3%A9 d/%2e%2e/a d%2fe //a".split(" "),
  ),
  as: fc.constantFrom("append", "exchange"),
  size: fc.constantFrom(0, 1, 7),
  offset: fc.constantFrom(0, 1, 7),
};

const timing = fc.oneof(
  fc.record({ cron: HINTS["cron"]!, timeZone: HINTS["timeZone"]! }, { requiredKeys: ["cron"] }),
  fc.record({ every: HINTS["every"]!, start: moment }, { requiredKeys: ["every"] }),
  fc.record({ at: moment }),
);

/** Bodies that also fit what the document says in words alone. */
const BODIES: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  createAgent: fc.record(
    { name: smallName, type: fc.constantFrom(...TYPES), labels: HINTS["labels"]! },
    { requiredKeys: ["name", "type"] },
  ),
  updateAgent: fc.record({ name: smallName, labels: HINTS["labels"]! }, { requiredKeys: [] }),
  sendMail: fc
    .tuple(
      fc.oneof(fc.record({ text: nasty }), fc.record({ payload: wildJson })),
      fc.record(
        {
          id: smallName,
          type: fc.constantFrom("message", "request", "event", "mention"),
          from: fc.constantFrom("me", "somebody else"),
          priority: fc.integer({ min: -100, max: 99 }),
          headers: fc.dictionary(smallName, nasty, { maxKeys: 2 }),
        },
        { requiredKeys: [] },
      ),
    )
    .map(([what, rest]) => ({ ...what, ...rest })),
  createSchedule: fc
    .tuple(
      timing,
      fc.record(
        {
          agent: agentRef,
          id: smallName,
          missed: fc.constantFrom("skip", "once", "all"),
          payload: wildJson,
        },
        { requiredKeys: ["agent"] },
      ),
    )
    .map(([when, rest]) => ({ ...when, ...rest })),
  updateSchedule: timing,
  createWebhook: fc.record({
    url: fc.constantFrom("https://example.com/x", "https://example.org:8443/"),
    events: HINTS["events"]!,
  }),
  departFromHome: fc.record({ move: HINTS["move"]!, url: fc.constant("https://example.com") }),
  leaveHome: fc.record({ move: HINTS["move"]! }),
  stayHome: fc.record({ move: HINTS["move"]! }),
};

/** What the `{id}` of a path is. */
function idOf(path: string): fc.Arbitrary<string> {
  return pool(path.split("/")[1]!);
}

/** A value that fits a schema of the document, and mostly what is meant by its name. */
function valid(schema: Schema, name = ""): fc.Arbitrary<unknown> {
  const { $ref } = schema;
  if (typeof $ref === "string") {
    const { schemas } = DOCUMENT.components as { schemas: Record<string, Schema> };
    return valid(schemas[$ref.split("/").at(-1)!]!, name);
  }
  const hint = Array.isArray(schema["enum"]) ? undefined : HINTS[name];
  const any = fitting(schema);
  return hint === undefined ? any : fc.oneof({ weight: 9, arbitrary: hint }, any);
}

function fitting(schema: Schema): fc.Arbitrary<unknown> {
  const { type, pattern } = schema;
  if (Array.isArray(schema["enum"])) return fc.constantFrom(...(schema["enum"] as unknown[]));
  if ("const" in schema) return fc.constant(schema["const"]);
  for (const one of ["anyOf", "oneOf"]) {
    const of = schema[one] as readonly Schema[] | undefined;
    if (of !== undefined) return fc.oneof(...of.map((each) => valid(each)));
  }
  if (Array.isArray(type)) {
    return fc.oneof(...(type as string[]).map((each) => fitting({ ...schema, type: each })));
  }
  switch (type) {
    case "string": {
      if (typeof pattern === "string") return fc.stringMatching(new RegExp(pattern));
      const { minLength = 0, maxLength = 10_000 } = schema as Record<string, number>;
      return nasty.filter(({ length }) => length >= minLength && length <= maxLength);
    }
    case "integer":
    case "number": {
      const { minimum: min = -(2 ** 40), maximum: max = 2 ** 53 - 1 } = schema as Record<
        string,
        number
      >;
      const whole = fc.maxSafeInteger().map((n) => Math.min(max, Math.max(min, n)));
      return type === "integer" ? fc.oneof(fc.constantFrom(min, max), whole) : number;
    }
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    case "array": {
      const { minItems: minLength = 0, maxItems = 4 } = schema as Record<string, number>;
      const items = valid((schema["items"] ?? {}) as Schema);
      return fc.array(items, { minLength, maxLength: Math.min(4, maxItems) });
    }
    case "object":
      return fittingObject(schema);
    default:
      return wildJson;
  }
}

function fittingObject(schema: Schema): fc.Arbitrary<unknown> {
  const {
    properties = {},
    required = [],
    additionalProperties,
  } = schema as {
    readonly properties?: Record<string, Schema>;
    readonly required?: string[];
    readonly additionalProperties?: Schema | boolean;
  };
  const members = Object.fromEntries(
    Object.entries(properties).map(([name, each]) => [name, valid(each, name)]),
  );
  const known = fc.record(members, { requiredKeys: required });
  if (typeof additionalProperties !== "object") return known;
  const more = fc.array(fc.tuple(key, valid(additionalProperties)), { maxLength: 3 });
  return fc
    .tuple(known, more)
    .map(([object, all]) => Object.fromEntries([...Object.entries(object), ...all]));
}

/** An object with one thing about it, or about something in it, that is wrong. */
function spoilt(body: unknown): fc.Arbitrary<unknown> {
  if (Array.isArray(body) && body.length > 0) {
    return fc.nat(body.length - 1).chain((i) => spoilt(body[i]).map((one) => body.with(i, one)));
  }
  if (typeof body !== "object" || body === null) return wildJson;
  const entries = Object.entries(body);
  const extra = fc.tuple(key, wildJson).map((one) => Object.fromEntries([...entries, one]));
  if (entries.length === 0) return extra;
  const at = fc.nat(entries.length - 1);
  return fc.oneof(
    extra,
    at.map((i) => Object.fromEntries(entries.toSpliced(i, 1))),
    fc
      .tuple(at, wildJson)
      .map(([i, value]) => Object.fromEntries(entries.with(i, [entries[i]![0], value]))),
    at.chain((i) =>
      spoilt(entries[i]![1]).map((value) =>
        Object.fromEntries(entries.with(i, [entries[i]![0], value])),
      ),
    ),
  );
}

/** Values that a header may have. */
const headerText = fc.oneof(
  fc.constantFrom(...NASTY).filter((text) => /^[\t\x20-\x7e\x80-\xff]*$/.test(text)),
  fc.stringMatching(/^[\x20-\x7e\x80-\xff]{0,30}$/),
);

const HEADERS: Readonly<Record<string, fc.Arbitrary<string>>> = {
  "idempotency-key": fc.oneof(fc.stringMatching(/^[a-z]{1,8}$/), headerText),
  "if-none-match": fc.oneof(pool("etag"), fc.constantFrom("*", '"x"'), headerText),
  "if-range": fc.oneof(pool("etag"), headerText),
  range: fc.oneof(fc.constantFrom("bytes=0-", "bytes=1-2", "bytes=-1", "bytes=9-"), headerText),
  "if-match": fc.oneof(pool("etag"), fc.constantFrom("*", '"x"', 'W/"x"', '"a", "b"'), headerText),
  "x-request-id": fc.oneof(fc.stringMatching(/^[\w.:-]{1,20}$/), headerText),
  traceparent: fc.oneof(
    fc.constantFrom(
      "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      "00-00000000000000000000000000000000-b7ad6b7169203331-01",
      "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ),
    headerText,
  ),
  tracestate: headerText,
  "last-event-id": fc.oneof(fc.constantFrom("0", "1", "1.2", "99"), headerText),
  "x-openagents-hops": fc.oneof(fc.constantFrom("1", "999", "-1"), headerText),
  "x-openagents-principal": headerText,
  "x-signature": headerText,
  origin: fc.oneof(fc.constantFrom("null", "https://evil.example"), headerText),
  accept: headerText,
  cookie: headerText,
  host: headerText,
};

const someHeaders = fc
  .subarray(Object.keys(HEADERS), { maxLength: 3 })
  .chain((names) => fc.tuple(...names.map((name) => fc.tuple(fc.constant(name), HEADERS[name]!))));

const authorization = fc.oneof(
  { weight: 30, arbitrary: fc.constant(`Bearer ${TOKEN}`) },
  { weight: 2, arbitrary: pool("secret").map((text) => `Bearer ${text}`) },
  { weight: 1, arbitrary: pool("ticket").map((text) => `Bearer ${text}`) },
  { weight: 1, arbitrary: headerText },
);

const contentType = fc.oneof(
  { weight: 6, arbitrary: fc.constant("application/json") },
  fc.constantFrom("application/problem+json; charset=utf-16", "text/plain", "APPLICATION/JSON;x"),
  fc.constantFrom("application/x-www-form-urlencoded", "multipart/form-data; boundary=x"),
  headerText,
);

/** A body that is no JSON object, or hardly. */
const wildBody: fc.Arbitrary<string | Uint8Array> = fc.oneof(
  wildJson.map((value) => JSON.stringify(value)),
  fc.uint8Array({ maxLength: 60 }),
  fc.constantFrom("", "{", "[]", "null", '"x"', '{"a":1', '{"a":1,"a":2}', "\ufeff{}", "{}{}"),
  fc.constantFrom(
    "[".repeat(20_000),
    `{"payload":${"[".repeat(5000)}${"]".repeat(5000)}}`,
    `{"payload":${'{"a":'.repeat(3000)}1${"}".repeat(3000)}}`,
    `{"text":"${"x".repeat(70_000)}"}`,
    `{"payload":1${"0".repeat(400)}}`,
    '{"__proto__":{"name":"x"},"type":"echo","name":"p"}',
  ),
  fc.string({ unit: "binary", maxLength: 50 }).map((text) => text.toWellFormed()),
);

function partsOf({ path }: Described, kind: Kind): fc.Arbitrary<Draft["parts"]> {
  const parts = path
    .split("/")
    .slice(1)
    .map((part) => {
      const name = /^\{(\w+)\}$/.exec(part)?.[1];
      if (name === undefined) return fc.constant<Draft["parts"][number]>({ text: part });
      const hint = HINTS[name] as fc.Arbitrary<string> | undefined;
      const meant = (name === "id" ? idOf(path) : (hint ?? pool(name))).map((text) => ({
        text,
        // It has many parts.
        ...(name === "path" && { raw: true }),
      }));
      if (kind === "valid") return meant;
      const raw = fc.constantFrom(
        "%00",
        "%",
        "%ff",
        "%2e%2e",
        "..",
        "a%2fb",
        "a;b",
        "",
        "*",
        ":id",
      );
      return fc.oneof(
        { weight: 3, arbitrary: meant },
        nasty.map((text) => ({ text })),
        raw.map((text) => ({ text, raw: true })),
      );
    });
  return fc.tuple(...parts);
}

function queryOf({ document }: Described, kind: Kind): fc.Arbitrary<Draft["query"]> {
  const meant = (document.parameters ?? [])
    .filter((one) => one.in === "query")
    .map(({ name, schema }) =>
      fc.tuple(
        fc.constant(name),
        valid(schema as Schema, name).map((value) => String(value)),
      ),
    );
  const some = fc.subarray(meant).chain((all) => fc.tuple(...all));
  if (kind === "valid") return some;
  const names =
    meant.length === 0 ? key : fc.oneof(key, ...meant.map((one) => one.map(([n]) => n)));
  const odd = fc.array(fc.tuple(names, nasty), { maxLength: 3 });
  return fc.tuple(some, odd).map(([left, right]) => [...left, ...right]);
}

function bodyOf({ document }: Described, kind: Kind): fc.Arbitrary<Draft["body"]> {
  const content = document.requestBody?.content ?? {};
  const json = content["application/json"]?.schema as Schema | undefined;
  if (json !== undefined) {
    const meant = BODIES[document.operationId];
    const any = valid(json);
    const whole = meant === undefined ? any : fc.oneof({ weight: 4, arbitrary: meant }, any);
    if (document.operationId === "arriveHome" && kind === "valid") {
      return fc.oneof(
        pool("departure"),
        any.map((value) => JSON.stringify(value)),
      );
    }
    if (kind === "valid") return whole.map((value) => JSON.stringify(value));
    if (kind === "nearly") {
      return whole.chain((value) => spoilt(value).map((one) => JSON.stringify(one ?? null)));
    }
    return fc.oneof(wildBody, fc.constant(null));
  }
  if (Object.keys(content).length > 0) {
    const bundle = fc.tuple(fc.nat(30), fc.nat(2000)).map(([n, wrong]) => ({
      bundle: n,
      wrong: kind === "valid" ? 0 : wrong,
    }));
    return kind === "wild" ? fc.oneof(bundle, wildBody, fc.constant(null)) : bundle;
  }
  return kind === "wild" ? fc.oneof(wildBody, fc.constant(null)) : fc.constant(null);
}

/** Requests for one operation, made in one way. */
function draftsOf(described: Described, kind: Kind): fc.Arbitrary<Draft> {
  const { operationId: operation } = described.document;
  const isBundle = document(described)["application/x-tar"] !== undefined;
  const usual = fc.constant(isBundle ? "application/x-tar" : "application/json");
  const method =
    kind === "wild"
      ? fc.oneof(
          { weight: 12, arbitrary: fc.constant(described.method) },
          fc.constantFrom("get", "post", "put", "patch", "delete", "head", "options", "X-ODD"),
        )
      : fc.constant(described.method);
  const entitled: fc.Arbitrary<string> =
    kind === "valid"
      ? operation === "deliverMail"
        ? pool("ticket").map((text) => `Bearer ${text}`)
        : fc.constant(`Bearer ${TOKEN}`)
      : authorization;
  return fc
    .tuple(
      method,
      partsOf(described, kind),
      queryOf(described, kind),
      kind === "valid" ? fc.oneof(fc.constant([]), someHeaders) : someHeaders,
      bodyOf(described, kind),
      entitled,
      kind === "wild" ? contentType : usual,
    )
    .map(([method, parts, query, headers, body, allowed, type]) => ({
      operation,
      kind,
      method: method.toUpperCase(),
      parts,
      query,
      headers: [
        ...headers,
        ["authorization", allowed],
        ...(body === null ? [] : [["content-type", type] as const]),
      ],
      body,
    }));
}

function document({ document: { requestBody } }: Described): Readonly<Record<string, unknown>> {
  return requestBody?.content ?? {};
}

const KINDS = ["valid", "nearly", "wild"] as const;

/** Any request: each operation as often as the others, but for what is slow. */
export const anyDraft: fc.Arbitrary<Draft> = fc.oneof(
  ...DESCRIBED.flatMap((described) =>
    KINDS.map((kind) => ({
      weight: (WEIGHTS[described.document.operationId] ?? 20) * (kind === "valid" ? 2 : 1),
      arbitrary: draftsOf(described, kind),
    })),
  ),
);

/** One request of each kind for each operation. */
export const eachDraft: fc.Arbitrary<readonly Draft[]> = fc.tuple(
  ...DESCRIBED.flatMap((described) => KINDS.map((kind) => draftsOf(described, kind))),
);

const hookParts = fc
  .tuple(agentRef, fc.constantFrom("web", "signed", "github"), fc.array(nasty, { maxLength: 2 }))
  .map(([agent, source, rest]) => ["hooks", agent, source, ...rest].map((text) => ({ text })));

const strayParts = fc
  .array(
    fc.oneof(
      fc.constantFrom("agents", "hooks", "runtime", "schedules", "signed", "echo", "ws", "send"),
      nasty,
    ),
    { maxLength: 6 },
  )
  .map((parts) => parts.map((text, i) => ({ text, raw: i % 2 === 1 })));

/** Requests to addresses that the document does not have: those of hooks, and of nothing. */
export const strayDraft: fc.Arbitrary<Draft> = fc
  .tuple(
    fc.constantFrom("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACK2"),
    fc.oneof(hookParts, strayParts),
    fc.array(fc.tuple(fc.oneof(fc.constant("wait"), key), nasty), { maxLength: 2 }),
    someHeaders,
    fc.oneof(wildBody, fc.constant(null)),
    authorization,
  )
  .map(([method, parts, query, headers, body, allowed]) => ({
    operation: "",
    kind: "wild",
    method,
    parts,
    query,
    headers: [...headers, ["authorization", allowed]],
    body,
  }));
