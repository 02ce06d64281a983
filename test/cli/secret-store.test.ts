import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { remoteRuntime } from "../../src/control/remote-runtime.ts";
import type { RemoteHome } from "../../src/control/remote-runtime.ts";
import { project } from "./project.ts";
import type { Daemon, Ended, Project } from "./project.ts";

const CONFIG = `
import { defineAgent, defineRuntime } from "@openagents/runtime";
const ci = defineAgent({
  name: "ci",
  onEvent: (ctx, { payload }) => ctx.log.error("got", { payload }),
});
export default defineRuntime({
  agents: [ci],
  ensure: [{ name: "ci", type: "ci" }],
  hooks: { build: { verify: { header: "x-signature" }, secret: "CI_SECRET" } },
});
`;

const SECRET = "Wallabies of the\nsecond line";
const PASSPHRASE = { OPENAGENTS_PASSPHRASE: "a passphrase of the key file" };

function ok({ code, stdout, stderr }: Ended): string {
  assert.equal(code, 0, stderr);
  return stdout;
}

function homeOf(p: Project, { url }: Daemon): RemoteHome {
  return remoteRuntime({ url, token: readFileSync(join(p.data, "token"), "utf8").trim() });
}

/** Sends a request of the sender, signed by a secret; its status. */
async function hook({ url }: Daemon, secret: string, body: string): Promise<number> {
  const signature = createHmac("sha256", secret).update(body).digest("hex");
  const headers = { "x-signature": signature };
  const response = await fetch(`${url}/hooks/ci/build`, { method: "POST", headers, body });
  await response.arrayBuffer();
  return response.status;
}

void test("agentctl secret stores what hooks are checked by, sealed, at once and over restarts", async () => {
  await using p = project(CONFIG);
  let daemon = await p.start({ env: PASSPHRASE });
  const none = await p.agentctl("secret", "list");
  assert.match(none.stderr, /agentctl secret set NAME/);
  assert.equal(await hook(daemon, SECRET, "1"), 401);
  const set = await p.run(["secret", "set", "CI_SECRET"], { stdin: `${SECRET}\n` });
  assert.equal(ok(set), "");
  assert.match(set.stderr, /^Stored CI_SECRET/);
  assert.equal(await hook(daemon, SECRET, "2"), 202);
  assert.equal(await hook(daemon, `${SECRET}\n`, "2"), 401);
  assert.match(ok(await p.agentctl("secret", "list")), /^NAME +SET\nCI_SECRET +\d/);
  const [listed] = JSON.parse(ok(await p.agentctl("secret", "list", "--json"))) as object[];
  assert.deepEqual(Object.keys(listed!), ["name", "setAt"]);
  // An agent that is told it, and logs it.
  assert.equal(await hook(daemon, SECRET, JSON.stringify({ key: [SECRET] })), 202);
  await homeOf(p, daemon).tick("ci");
  const first = await daemon.end("SIGKILL");
  assert.match(first.stderr, /there is no secret "CI_SECRET".*agentctl secret set/);
  assert.match(first.stderr, /got agent=ci .*\*\*\*/);

  daemon = await p.start();
  assert.equal(await hook(daemon, SECRET, "3"), 423);
  const home = homeOf(p, daemon);
  await assert.rejects(home.secrets.set("OTHER", "another value"), {
    code: "LOCKED",
    message: /agentctl unlock/,
  });
  await home.unlock(PASSPHRASE.OPENAGENTS_PASSPHRASE);
  assert.equal(await hook(daemon, SECRET, "4"), 202);
  await home.secrets.set("CI_SECRET", "a new value");
  assert.deepEqual(
    [await hook(daemon, SECRET, "5"), await hook(daemon, "a new value", "6")],
    [401, 202],
  );
  assert.match((await p.agentctl("secret", "remove", "CI_SECRET")).stderr, /^Removed CI_SECRET/);
  assert.equal(await hook(daemon, "a new value", "7"), 401);
  const gone = await p.agentctl("secret", "remove", "CI_SECRET");
  assert.equal(gone.code, 3);
  assert.match(gone.stderr, /agentctl secret list/);
  const last = await daemon.end();
  for (const log of [first.stderr, last.stderr]) {
    for (const part of ["Wallabies", "second line", "a new value"]) {
      assert.equal(log.includes(part), false, log);
    }
  }
  const names = readdirSync(p.data).filter((name) => !name.startsWith("agents.db"));
  assert.ok(names.includes("home.db"));
  for (const name of names) {
    const content = readFileSync(join(p.data, name));
    for (const part of ["Wallabies", "a new value"])
      assert.equal(content.includes(part), false, name);
  }
});

void test("agentctl secret takes no value from its arguments, and quotes none", async () => {
  await using p = project(CONFIG);
  const daemon = await p.start();
  for (const [args, stdin] of [
    [["set", "KEY", "sesame"], ""],
    [["set", "KEY=sesame"], ""],
    [["set", "OPENAGENTS_KEY"], "sesame"],
    [["set", "KEY"], ""],
    [["set", "KEY"], "\n"],
    [["remove", "ses-ame"], ""],
  ] as const) {
    const { code, stdout, stderr } = await p.run(["secret", ...args], { stdin });
    assert.equal(code, 2, args.join(" "));
    assert.doesNotMatch(stdout + stderr, /ses-?ame/);
  }
  const short = await p.run(["secret", "set", "KEY"], { stdin: "ses\n" });
  assert.notEqual(short.code, 0);
  assert.doesNotMatch(short.stderr, /\bses\b/);
  await daemon.end();
});
