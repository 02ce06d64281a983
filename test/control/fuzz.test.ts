import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { assertContract, assertFits, DOCUMENT, operationOf } from "./contract.ts";
import { fuzzHome } from "./fuzz-home.ts";
import type { FuzzHome } from "./fuzz-home.ts";
import { anyDraft, DESCRIBED, eachDraft, strayDraft } from "./fuzz-requests.ts";
import type { Draft } from "./fuzz-requests.ts";

/** How many sequences of requests are made; more with FUZZ_RUNS. */
const RUNS = Number(process.env["FUZZ_RUNS"] ?? 60);
/** Which ones; printed with what fails. */
const SEED = Number(process.env["FUZZ_SEED"] ?? Date.now() % 1_000_000_000);
/** At most so many things of a kind are remembered. */
const REMEMBERED = 30;
/** How much of a stream is awaited, ms. */
const GLIMPSE = 5;

/** The statuses above 499 that say how an operation's own subject is, and no fault of the server. */
const EXPECTED: Readonly<Record<string, readonly number[]>> = {
  // The agent that a hook's sender waits for could not deal with it, or moves: the sender comes again.
  hook: [502, 503],
  // Whoever is asked about the name cannot be reached.
  resolveName: [502],
  // What is there cannot do that: it is no stream, or does not answer.
  getFile: [501],
  getHomeFile: [501],
  putFile: [501],
  postFile: [501],
};

/** What was seen in answers, and who may ask for more. */
class Pools {
  readonly #pools = new Map<string, string[]>();
  readonly #bundles: Uint8Array[] = [];
  #added = 0;

  add(pool: string, value: unknown): void {
    if (typeof value !== "string" || value === "") return;
    const values = this.#pools.get(pool) ?? [];
    this.#pools.set(pool, values);
    this.#added += 1;
    if (values.includes(value)) return;
    if (values.length < REMEMBERED) values.push(value);
    else values[this.#added % REMEMBERED] = value;
  }

  addBundle(bundle: Uint8Array): void {
    this.#bundles[this.#bundles.length % REMEMBERED] = bundle;
  }

  /** The text with what its placeholders stand for. */
  resolve(text: string): string {
    return text.replaceAll(/«(\w+):(\d+)»/g, (_all, pool: string, n: string) => {
      const values = this.#pools.get(pool) ?? [];
      return values[Number(n) % (values.length || 1)] ?? `no-${pool}`;
    });
  }

  bundle(n: number, wrong: number): Uint8Array {
    const bundle = this.#bundles[n % (this.#bundles.length || 1)] ?? new Uint8Array(1024);
    if (wrong === 0) return bundle;
    const cut = bundle.slice(0, wrong % 3 === 0 ? Math.max(1, bundle.length - wrong) : undefined);
    if (wrong % 3 === 1) cut[(wrong * 7919) % cut.length]! ^= 1 + (wrong % 255);
    return cut;
  }
}

/** What answers to these operations have. */
function remember(pools: Pools, operation: string, body: unknown, response: Response): void {
  pools.add("etag", response.headers.get("etag"));
  if (typeof body !== "object" || body === null) return;
  const one = body as Record<string, unknown>;
  const items = (Array.isArray(one["items"]) ? one["items"] : [one]) as Record<string, unknown>[];
  pools.add("cursor", one["cursor"]);
  const noun = /^(?:create|add|list|update|get)([A-Z][A-Za-z]*?)s?$/.exec(operation)?.[1] ?? "";
  for (const item of items) {
    if (typeof item !== "object" || item === null) continue;
    // What `{goal}` in an address is, and the like.
    pools.add(noun.charAt(0).toLowerCase() + noun.slice(1), item["id"]);
    if (/^(?:create|list|update|get)Agents?$/.test(operation)) {
      for (const name of ["id", "name", "publicKey"]) pools.add("agent", item[name]);
    }
    if (/Schedules?$/.test(operation)) pools.add("schedules", item["id"]);
    if (/Webhooks?$/.test(operation)) pools.add("webhooks", item["id"]);
    if (/Secrets?$/.test(operation)) pools.add("name", item["name"]);
    if (/Tokens?$/.test(operation)) pools.add("tokens", item["id"]);
    if (operation === "listDeliveries") pools.add("delivery", item["id"]);
    const { envelope } = item as { envelope?: { id?: string } };
    pools.add("envelope", operation === "sendMail" ? item["id"] : envelope?.id);
  }
  if (operation === "createToken") pools.add("secret", one["token"]);
  if (operation === "importAgent") pools.add("ticket", one["ticket"]);
  if (operation === "departFromHome") pools.add("departure", JSON.stringify(one));
  if (operation === "getHomeIdentity") pools.add("home", one["publicKey"]);
}

function requestOf(draft: Draft, pools: Pools): Request | undefined {
  const path = draft.parts.map(({ text, raw }) => {
    const resolved = pools.resolve(text).toWellFormed();
    return raw === true ? resolved : encodeURIComponent(resolved);
  });
  const query = draft.query.map(([name, value]) =>
    [name, pools.resolve(value)].map((text) => encodeURIComponent(text.toWellFormed())).join("="),
  );
  const url = `http://home.test/${path.join("/")}${query.length > 0 ? `?${query.join("&")}` : ""}`;
  if (!URL.canParse(url)) return undefined;
  const headers = new Headers();
  for (const [name, value] of draft.headers) headers.set(name, pools.resolve(value));
  const { body } = draft;
  const init: RequestInit = { method: draft.method, headers };
  if (body !== null && draft.method !== "GET" && draft.method !== "HEAD") {
    if (typeof body === "string") init.body = pools.resolve(body);
    else if (body instanceof Uint8Array) init.body = body as Uint8Array<ArrayBuffer>;
    else init.body = pools.bundle(body.bundle, body.wrong) as Uint8Array<ArrayBuffer>;
  }
  return new Request(url, init);
}

/** How often each operation was answered with each status. */
const seen = new Map<string, Map<string, number>>();
let requests = 0;

function count(draft: Draft, status: number): void {
  const counts = seen.get(draft.operation) ?? new Map<string, number>();
  seen.set(draft.operation, counts);
  for (const what of [draft.kind, String(status)]) counts.set(what, (counts.get(what) ?? 0) + 1);
}

/** Asserts all that is true of any answer. */
async function check(draft: Draft, request: Request, response: Response): Promise<unknown> {
  const { method, url } = request;
  const what = `${method} ${url} ${response.status}`;
  const id = response.headers.get("x-request-id");
  assert.match(id ?? "", /^[\w.:-]{1,128}$/, what);
  const asked = url.includes("/hooks/") ? "hook" : operationOf(method, url)?.operationId;
  if (response.status >= 500) {
    const text = await response.clone().text();
    assert.ok(EXPECTED[asked ?? ""]?.includes(response.status), `${what}: ${text}`);
  }
  const type = response.headers.get("content-type") ?? "";
  if (/^(?:text\/event-stream|application\/x-ndjson)/.test(type) && method === "GET") {
    const reader = response.body!.getReader();
    await Promise.race([reader.read(), new Promise((resolve) => setTimeout(resolve, GLIMPSE))]);
    await reader.cancel();
    return undefined;
  }
  const bytes = new Uint8Array(await response.arrayBuffer());
  const { status, headers } = response;
  const again = new Response(bytes.length > 0 ? bytes : null, { status, headers });
  if (status >= 400 && method !== "HEAD") {
    assert.equal(type, "application/problem+json", what);
    const problem = (await again.clone().json()) as { requestId?: string; status?: number };
    const { schemas } = DOCUMENT.components as { schemas: Record<string, object> };
    assertFits(schemas["Problem"]!, problem, what);
    assert.equal(problem.requestId, id, what);
    assert.equal(problem.status, status, what);
  }
  await assertContract(method, url, again);
  if (draft.operation === "exportAgent" && status === 200) return bytes;
  const isJson = type.startsWith("application/json") && bytes.length > 0;
  return isJson ? again.json() : undefined;
}

async function ask(home: FuzzHome, pools: Pools, draft: Draft): Promise<void> {
  const request = requestOf(draft, pools);
  if (request === undefined) return;
  requests += 1;
  const before = home.problems.length;
  const response = await home.fetch(request);
  count(draft, response.status);
  try {
    const body = await check(draft, request, response);
    if (body instanceof Uint8Array) pools.addBundle(body);
    else
      remember(pools, operationOf(request.method, request.url)?.operationId ?? "", body, response);
  } catch (error) {
    const { message } = error as Error;
    const named = `${draft.operation} ${response.status} ${message.replaceAll(/\S*\d\S*/g, "")}`;
    const kind = named.slice(0, 120);
    if (failures.has(kind)) return;
    const problems = home.problems.slice(before).join("\n");
    failures.set(kind, `${message}\n${JSON.stringify(draft)}\nThe home said: ${problems}\n`);
  }
}

/** What went wrong, the first of each kind: one failure must not hide the others. */
const failures = new Map<string, string>();

const parameters = (runs: number): fc.Parameters<unknown> => ({
  numRuns: runs,
  endOnFailure: true,
  seed: SEED,
});

void test("no request makes the API fail, or answer what its document does not have", async (t) => {
  await using home = await fuzzHome();
  const pools = new Pools();
  pools.add("nsec", "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5");
  const began = performance.now();
  await fc.assert(
    fc.asyncProperty(eachDraft, async (drafts) => {
      for (const draft of drafts) await ask(home, pools, draft);
    }),
    parameters(Math.min(10, Math.ceil(RUNS / 50))),
  );
  // Some come one after the other, some at once.
  const turns = fc.array(fc.array(anyDraft, { minLength: 1, maxLength: 4 }), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(turns, strayDraft, async (all, stray) => {
      for (const turn of all) {
        await Promise.all(turn.map((draft) => ask(home, pools, draft)));
      }
      await ask(home, pools, stray);
    }),
    parameters(RUNS),
  );
  if (process.env["FUZZ_SHOW"] !== undefined) {
    for (const [name, counts] of seen)
      t.diagnostic(`${name} ${JSON.stringify(Object.fromEntries(counts))}`);
  }
  const seconds = (performance.now() - began) / 1000;
  t.diagnostic(`${requests} requests, ${Math.round(requests / seconds)} in a second`);
  assert.equal(failures.size, 0, `FUZZ_SEED=${SEED}\n${[...failures.values()].join("\n")}`);
  for (const { document } of DESCRIBED) {
    const counts = seen.get(document.operationId);
    for (const kind of ["valid", "nearly", "wild"]) {
      assert.ok(counts?.get(kind), `${document.operationId}: nothing ${kind} was asked`);
    }
  }
  assert.equal((await home.fetch(new Request("http://home.test/healthz"))).status, 200);
});
