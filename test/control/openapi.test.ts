import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { OPERATIONS } from "../../src/control/operations.ts";
import { TAGS } from "../../src/control/operation.ts";
import { assertFits, DOCUMENT } from "./contract.ts";

const run = promisify(execFile);

/** All operations of the document, with all that is said of them. */
const DESCRIBED = Object.entries(DOCUMENT.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    ...(operation as typeof operation & {
      readonly summary?: string;
      readonly description?: string;
      readonly tags?: readonly string[];
      readonly security?: readonly object[];
    }),
    what: `${method} ${path}`,
    path,
  })),
);

void test("the document that is written is clean to redocly, without a warning", async () => {
  const dir = mkdtempSync(join(tmpdir(), "openagents-openapi-"));
  try {
    const file = join(dir, "openapi.json");
    await run(process.execPath, ["scripts/openapi.ts", file]);
    const { paths, components } = JSON.parse(readFileSync(file, "utf8")) as typeof DOCUMENT;
    assert.deepEqual(
      { paths, components },
      { paths: DOCUMENT.paths, components: DOCUMENT.components },
    );
    const env = {
      ...process.env,
      REDOCLY_TELEMETRY: "off",
      REDOCLY_SUPPRESS_UPDATE_NOTICE: "true",
    };
    const args = ["node_modules/@redocly/cli/bin/cli.js", "lint", file, "--format=json"];
    const { stdout } = await run(process.execPath, args, { env });
    const { totals, problems } = JSON.parse(stdout) as { totals: object; problems: object[] };
    assert.deepEqual(problems, []);
    assert.deepEqual(totals, { errors: 0, warnings: 0, ignored: 0 });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

void test("each operation of the API is in the document once, under an id of its own", () => {
  const ids = DESCRIBED.map(({ operationId }) => operationId);
  assert.equal(new Set(ids).size, ids.length);
  assert.deepEqual(ids.toSorted(), OPERATIONS.map(({ id }) => id).toSorted());
  for (const id of ids) assert.match(id, /^[a-z]+(?:[A-Z][a-z]*)*$/);
});

void test("each operation says what it does, for whom, and how it can end", () => {
  for (const { what, path, operationId, ...said } of DESCRIBED) {
    assert.match(said.summary ?? "", /^[A-Z].{5,100}[^.]$/, what);
    assert.equal(said.tags?.length, 1, what);
    assert.ok(Object.hasOwn(TAGS, said.tags[0]!), what);
    const { scope } = OPERATIONS.find(({ id }) => id === operationId)!;
    if (scope === "open") assert.deepEqual(said.security, [], what);
    else if (scope !== "ticket") assert.ok(said.description?.includes(`scope \`${scope}\``), what);
    const statuses = Object.keys(said.responses);
    assert.ok(
      statuses.some((status) => /^(?:2\d\d|101)$/.test(status)),
      what,
    );
    assert.ok(statuses.includes("4XX") && statuses.includes("5XX"), what);
    const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
    const given = said.parameters?.filter((one) => one.in === "path") ?? [];
    assert.deepEqual(given.map(({ name }) => name).toSorted(), names.toSorted(), what);
  }
});

void test("the examples of the document fit their schemas", () => {
  let examples = 0;
  const look = (value: unknown, at: string): void => {
    if (typeof value !== "object" || value === null) return;
    const { example, ...schema } = value as { readonly example?: unknown };
    if (example !== undefined && !at.endsWith("/properties")) {
      // A parameter has its example in its schema, and the schema is what is met here.
      assertFits(schema, example, at);
      examples += 1;
    }
    for (const [name, each] of Object.entries(schema)) look(each, `${at}/${name}`);
  };
  look(DOCUMENT.paths, "paths");
  look(DOCUMENT.components, "components");
  assert.ok(examples > 10, String(examples));
});
