import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { connect } from "node:tls";
import type { ConnectionOptions } from "node:tls";
import { WebSocket as WsSocket } from "ws";
import { startLocal } from "../../../src/backends/local.ts";
import type { LocalOptions, LocalRuntime } from "../../../src/backends/local.ts";
import { readPlace } from "../../../src/backends/local/place.ts";
import { defineAgent } from "../../../src/core/definition.ts";
import { defineRuntime } from "../../../src/core/runtime-definition.ts";
import { rawClient } from "./raw-client.ts";

const definition = defineRuntime({
  agents: [defineAgent({ name: "echo", onMessage: (ctx, { text }) => ctx.reply(text) })],
  ensure: [{ name: "ada", type: "echo" }],
});

interface Place {
  readonly dir: string;
  /** Makes a certificate for 127.0.0.1, and gives its files. */
  certificate(name: string): { readonly cert: string; readonly key: string };
  start(options: Partial<LocalOptions>): Promise<LocalRuntime>;
}

function place(t: TestContext): Place | undefined {
  try {
    execFileSync("openssl", ["version"]);
  } catch {
    t.skip("there is no openssl here to make a certificate with");
    return undefined;
  }
  const dir = mkdtempSync(join(tmpdir(), "openagents-tls-"));
  const started: LocalRuntime[] = [];
  t.after(async () => {
    for (const local of started) await local.stop(0);
    rmSync(dir, { recursive: true, force: true });
  });
  return {
    dir,
    certificate(name) {
      const [cert, key] = [join(dir, `${name}.crt`), join(dir, `${name}.key`)];
      const made =
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=agentd -addext subjectAltName=IP:127.0.0.1";
      execFileSync("openssl", [...made.split(" "), "-keyout", key, "-out", cert], {
        stdio: "ignore",
      });
      return { cert, key };
    },
    async start(options) {
      const local = await startLocal({ definition, data: join(dir, "data"), port: 0, ...options });
      started.push(local);
      return local;
    },
  };
}

/** A request of somebody who trusts this certificate and no other. */
function ask(local: LocalRuntime, cert: string, path: string): Promise<[number, string]> {
  return new Promise((resolve, reject) => {
    const asked = request(
      `${local.url}${path}`,
      { ca: readFileSync(cert), agent: false, headers: { authorization: `Bearer ${local.token}` } },
      (response) => {
        let text = "";
        response.on("data", (more: Buffer) => (text += more.toString()));
        response.on("end", () => resolve([response.statusCode ?? 0, text]));
      },
    );
    asked.on("error", reject);
    asked.end();
  });
}

void test("startLocal() with a certificate speaks TLS, and says so where it is looked for", async (t) => {
  const p = place(t);
  if (p === undefined) return;
  const tls = p.certificate("one");
  const warnings: string[] = [];
  const local = await p.start({ tls, host: "0.0.0.0", warn: (text) => warnings.push(text) });
  assert.match(local.url, /^https:/);
  assert.equal(readPlace(local.dataDir)?.url, local.url);
  assert.deepEqual(warnings, [], "nothing travels in clear text");
  const near = { ...local, url: local.url.replace("0.0.0.0", "127.0.0.1") };
  const [status, text] = await ask(near, tls.cert, "/agents/ada");
  assert.equal(status, 200, text);
  await assert.rejects(fetch(`${near.url}/healthz`), "nobody trusts it without being told to");
  await using clear = await rawClient(near.url);
  clear.write("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
  assert.equal(await clear.closed, "");
  const socket = new WsSocket(`${near.url.replace("https", "wss")}/agents/ada/ws`, {
    ca: readFileSync(tls.cert),
    headers: { authorization: `Bearer ${local.token}` },
  });
  await new Promise((resolve, reject) => {
    socket.once("open", resolve);
    socket.once("error", reject);
  });
  socket.terminate();
});

void test("a client that shuts its end of TLS gets the answer", async (t) => {
  const p = place(t);
  if (p === undefined) return;
  const tls = p.certificate("one");
  const local = await p.start({ tls });
  const { hostname: host, port } = new URL(local.url);
  const socket = connect({
    host,
    port: Number(port),
    ca: readFileSync(tls.cert),
    allowHalfOpen: true,
  } as ConnectionOptions);
  socket.end("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
  let text = "";
  for await (const more of socket) text += String(more);
  assert.match(text, /^HTTP\/1\.1 200 /);
});

void test("a certificate that is renewed is what new connections see; one that is wrong changes nothing", async (t) => {
  const p = place(t);
  if (p === undefined) return;
  const [one, other] = [p.certificate("one"), p.certificate("other")];
  const tls = { cert: join(p.dir, "now.crt"), key: join(p.dir, "now.key") };
  const put = ({ cert, key }: typeof tls): void => {
    copyFileSync(cert, tls.cert);
    copyFileSync(key, tls.key);
  };
  put(one);
  const local = await p.start({ tls });
  assert.equal((await ask(local, one.cert, "/healthz"))[0], 200);
  writeFileSync(tls.cert, "no certificate");
  assert.throws(() => local.renewTls(), { code: "CONFIG" });
  assert.equal((await ask(local, one.cert, "/healthz"))[0], 200);
  put(other);
  local.renewTls();
  assert.equal((await ask(local, other.cert, "/healthz"))[0], 200);
  await assert.rejects(ask(local, one.cert, "/healthz"));
});

void test("startLocal() refuses files that are no certificate, or not of one pair, and lets go of all", async (t) => {
  const p = place(t);
  if (p === undefined) return;
  const [one, other] = [p.certificate("one"), p.certificate("other")];
  const text = join(p.dir, "text");
  writeFileSync(text, "hello");
  for (const [tls, message] of [
    [
      { cert: one.cert, key: other.key },
      /other\.key" is not that of the certificate in ".*one\.crt"/,
    ],
    [{ cert: join(p.dir, "absent"), key: one.key }, /Cannot read TLS certificate ".*absent"/],
    [{ cert: one.cert, key: join(p.dir, "absent") }, /Cannot read TLS key ".*absent"/],
    [{ cert: text, key: one.key }, /no certificate and key in PEM/],
    [{ cert: one.cert, key: text }, /no certificate and key in PEM/],
  ] as const) {
    await assert.rejects(p.start({ tls }), { code: "CONFIG", message });
  }
  assert.match((await p.start({ tls: one })).url, /^https:/);
});
