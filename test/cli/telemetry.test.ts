import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";
import { pathTo, startCollector } from "../telemetry/collector.ts";
import { project } from "./project.ts";
import type { Project } from "./project.ts";

const CONFIG = `
import { defineAgent, defineRuntime } from "@openagents/runtime";
const asker = defineAgent({
  name: "asker",
  async onMessage(ctx) {
    ctx.log.info("asking", { password: "open sesame" });
    ctx.log.debug("too much");
    await ctx.reply(await ctx.request("slow", "well?"));
  },
});
const slow = defineAgent({
  name: "slow",
  async onMessage(ctx) {
    await ctx.sleep("4s");
    await ctx.reply("well");
  },
});
export default defineRuntime({
  agents: [asker, slow],
  ensure: [{ name: "asker", type: "asker" }, { name: "slow", type: "slow" }],
});
`;

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const HEADERS = { traceparent: `00-${TRACE}-00f067aa0ba902b7-01` };

async function send(it: Project, query = ""): Promise<number> {
  const place = JSON.parse(await read(it, "agentd.json")) as { readonly url: string };
  const token = (await read(it, "token")).trim();
  const response = await fetch(`${place.url}/agents/asker/send${query}`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...HEADERS },
    body: JSON.stringify({ payload: "go", id: "once" }),
  });
  await response.text();
  return response.status;
}

async function read(it: Project, file: string): Promise<string> {
  const { readFile } = await import("node:fs/promises");
  return readFile(join(it.data, file), "utf8");
}

void test("a trace goes on after agentd was killed while ticks were parked", async () => {
  await using collector = await startCollector();
  await using it = project(CONFIG);
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
  const first = await it.start({ env });
  assert.equal(await send(it), 202);
  // The tick of the second agent is parked by now.
  await collector.until((spans) => spans.some(({ name }) => name === "invoke_agent slow"));
  await first.end("SIGKILL");
  const killed = collector.spans.length;

  const second = await it.start({ env });
  assert.equal(await send(it, "?wait=20s"), 200);
  await second.end();
  const ours = collector.spans.filter(({ traceId }) => traceId === TRACE);
  const later = collector.spans.slice(killed).filter((span) => ours.includes(span));
  const request = "POST /agents/{ref}/send > send message";
  const [asker, slow] = ["invoke_agent asker", "invoke_agent slow"];
  const resumed = later.filter(({ attributes }) => attributes["openagents.tick.resumed"] === true);
  assert.deepEqual(
    resumed.map((span) => pathTo(ours, span).join(" > ")),
    [`${request} > ${asker} > send request > ${slow}`, `${request} > ${asker}`],
  );
});

void test("agentd logs a line of JSON each with --log-format json, and no secret", async () => {
  await using it = project(CONFIG);
  const daemon = await it.start({
    env: { OPENAGENTS_LOG: "json", OPENAGENTS_PASSPHRASE: "hush-hush" },
  });
  assert.equal(await send(it, "?wait=20s"), 200);
  const token = (await read(it, "token")).trim();
  const { stderr } = await daemon.end();
  const lines = stderr
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const request = lines.find(({ msg }) => msg === "request");
  assert.equal(request?.["route"], "/agents/{ref}/send");
  assert.equal(request?.["status"], 200);
  assert.equal(request?.["trace"], TRACE);
  const asked = lines.find(({ msg }) => msg === "asking");
  assert.deepEqual(
    [asked?.["agent"], asked?.["level"], asked?.["envelope"], asked?.["trace"], asked?.["data"]],
    ["asker", "info", "once", TRACE, { password: "***" }],
  );
  assert.ok(lines.every(({ time, level }) => typeof time === "string" && level !== "debug"));
  assert.ok(lines.some(({ msg }) => String(msg).startsWith("stopping on SIGTERM")));
  for (const secret of [token, "hush-hush", "open sesame"]) assert.ok(!stderr.includes(secret));
});

void test("without the packages agentd says what to install, and starts where telemetry is off", async () => {
  await using it = project(CONFIG);
  it.write(
    "absent.mjs",
    `import { registerHooks } from "node:module";
    registerHooks({
      resolve(name, context, next) {
        if (!name.startsWith("@opentelemetry/")) return next(name, context);
        throw Object.assign(new Error("Cannot find package '" + name + "'"), { code: "ERR_MODULE_NOT_FOUND" });
      },
    });`,
  );
  const NODE_OPTIONS = `--import ${pathToFileURL(join(it.dir, "absent.mjs")).href}`;
  const { code, stderr } = await it.agentd(["--port", "0"], {
    env: { NODE_OPTIONS, OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318" },
  });
  assert.notEqual(code, 0);
  assert.match(
    stderr,
    /^agentd: Cannot export traces to "http:\/\/127\.0\.0\.1:4318\/v1\/traces": .*: install what it takes with "npm install @opentelemetry\/api /,
  );
  const daemon = await it.start({ env: { NODE_OPTIONS } });
  assert.equal(await send(it), 202);
  await sleep(0);
  await daemon.end();
});

void test("agentd refuses a level and a format that there are none of", async () => {
  await using it = project(CONFIG);
  for (const [flag, value, words] of [
    ["--log-level", "loud", "debug, info, warn, error"],
    ["--log-format", "xml", "pretty, json"],
  ] as const) {
    const { code, stderr } = await it.agentd([flag, value]);
    assert.equal(code, 2);
    assert.ok(stderr.includes(`"${flag} ${value}" is not possible: use one of ${words}`), stderr);
  }
});
