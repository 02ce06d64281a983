import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { compileRules } from "../../src/drivers/plumber.ts";
import { PACKAGE, project } from "./project.ts";

interface Block {
  readonly language: string;
  readonly code: string;
  /** The file that the text before it says it goes into. */
  readonly file: string | undefined;
}

const GUIDE = readFileSync(join(PACKAGE, "docs/plumber.md"), "utf8");

const BLOCKS: readonly Block[] = [...GUIDE.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].map((match) => {
  const [, language = "", code = ""] = match;
  const before = GUIDE.slice(0, match.index).trimEnd().split("\n\n").at(-1)!;
  const file = /into `([\w.]+)`|in `([\w.]+)`$/.exec(before);
  return { language, code, file: file?.[1] ?? file?.[2] };
});

void test("the rules in docs/plumber.md are right", () => {
  const rules = BLOCKS.filter(({ language }) => language === "yaml");
  assert.ok(rules.length > 3);
  for (const { code } of rules) compileRules(code, { file: "docs/plumber.md" });
});

void test("what docs/plumber.md has run says what it is said to say", async () => {
  await using p = project(null);
  for (const { file, code } of BLOCKS) if (file !== undefined) p.write(file, code);
  let ran = 0;
  for (const [i, { language, code }] of BLOCKS.entries()) {
    const [, args] = /^npx agentctl (.*)\n$/.exec(code) ?? [];
    if (language !== "sh" || args === undefined) continue;
    const { stdout, stderr } = await p.agentctl(...args.split(" "));
    assert.equal(stdout + stderr, BLOCKS[i + 1]!.code);
    ran += 1;
  }
  assert.equal(ran, 2);
});

const SINKS = `
import { defineAgent, defineRuntime } from "@openagents/runtime";
const sink = defineAgent({
  name: "sink",
  state: { got: [] },
  onTrigger(ctx, { type, source, text, headers }) {
    ctx.state.got.push([type, source, headers["plumber-rule"], text.slice(0, 20)]);
  },
});
export default defineRuntime({
  agents: [sink],
  ensure: ["deployer", "triage", "archive"].map((name) => ({ name, type: "sink" })),
  hooks: { github: { verify: "github", secret: "GITHUB_WEBHOOK_SECRET" } },
});
`;

void test("the rules that docs/plumber.md begins with are right for what GitHub really sends", async () => {
  await using p = project(SINKS);
  p.write("plumb.yaml", BLOCKS.find(({ file }) => file === "plumb.yaml")!.code);
  const daemon = await p.start({
    args: ["--plumb", "plumb.yaml"],
    env: { GITHUB_WEBHOOK_SECRET: "s3cret" },
  });
  const post = async (delivery: string, event: string, body: object): Promise<string> => {
    const text = JSON.stringify(body);
    const signature = createHmac("sha256", "s3cret").update(text).digest("hex");
    const response = await fetch(`${daemon.url}/hooks/-/github`, {
      method: "POST",
      body: text,
      headers: {
        "content-type": "application/json",
        "x-github-event": event,
        "x-github-delivery": delivery,
        "x-hub-signature-256": `sha256=${signature}`,
      },
    });
    const { receipt } = (await response.json()) as { receipt?: string };
    return `${response.status} ${receipt}`;
  };
  const got = async (name: string): Promise<unknown> => {
    const { stdout } = await p.agentctl("state", name, "--json");
    return (JSON.parse(stdout) as { got: unknown }).got;
  };
  const push = {
    ref: "refs/heads/main",
    pusher: { name: "Ada" },
    head_commit: { message: "Fix it" },
    sender: { login: "ada" },
  };
  assert.equal(await post("1", "push", push), "202 accepted");
  assert.equal(await post("2", "push", { sender: { login: "x[bot]" } }), "202 dropped");
  assert.equal(await post("3", "issues", { action: "opened" }), "202 accepted");
  for (const name of ["deployer", "triage", "archive"]) {
    while (((await got(name)) as unknown[]).length === 0) continue;
  }
  assert.deepEqual(await got("deployer"), [
    ["message", "webhook", "pushes-to-main", "Ada pushed Fix it"],
  ]);
  const opened = ["event", "webhook", "rest-of-github", '{"method":"POST","pa'];
  assert.deepEqual([await got("triage"), await got("archive")], [[opened], [opened]]);
});

void test("the changes that docs/plumber.md shows make what it says of them", () => {
  const order = BLOCKS.find(({ code }) => code.includes("name: order\n"))!;
  const body = {
    order: {
      id: 7,
      items: [
        { sku: "a", n: 1 },
        { sku: "b", n: 2 },
      ],
      customer: { name: "Ada" },
    },
  };
  const draft = {
    id: "o",
    sentAt: 1,
    source: "webhook",
    from: "shop",
    type: "event",
    payload: { method: "POST", path: "/", body },
  } as const;
  assert.deepEqual(compileRules(order.code).route(draft).routed[0]!.envelope.payload, {
    body: { order: { id: 7, items: [{ sku: "a" }, { sku: "b" }] } },
    currency: "EUR",
    defaults: { retries: 3 },
    customer: "Ada",
    skus: ["a", "b"],
    text: "Order 7 of Ada",
  });
});
