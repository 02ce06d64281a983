import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { project } from "./project.ts";

void test("agentd --origin lets pages of that origin in, and refuses what is no origin", async () => {
  await using p = project();
  const daemon = await p.start({
    args: ["--origin", "https://app.example", "--origin", "http://localhost:1"],
  });
  for (const origin of ["https://app.example", "http://localhost:1", "https://evil.example"]) {
    const headers = { origin, "access-control-request-method": "GET" };
    const asked = await fetch(`${daemon.url}/agents`, { method: "OPTIONS", headers });
    const allowed = asked.headers.get("access-control-allow-origin");
    assert.equal(allowed, origin.includes("evil") ? null : origin);
  }
  await daemon.end();
  for (const origin of ["*", "app.example", "https://app.example/x"]) {
    const { code, stderr } = await p.agentd(["--port", "0", "--origin", origin]);
    assert.equal(code, 2, stderr);
    assert.ok(stderr.includes(`"--origin ${origin}" is no origin`), stderr);
  }
});

void test("agentd --tls-cert and --tls-key listen by HTTPS, for an agentctl that trusts them", async (t) => {
  await using p = project();
  const [cert, key] = [join(p.dir, "agentd.crt"), join(p.dir, "agentd.key")];
  const made =
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=agentd -addext subjectAltName=IP:127.0.0.1";
  const { status } = spawnSync("openssl", [...made.split(" "), "-keyout", key, "-out", cert]);
  if (status !== 0) return t.skip("there is no openssl here to make a certificate with");
  const daemon = await p.start({ args: ["--tls-cert", cert, "--tls-key", key] });
  assert.match(daemon.url, /^https:/);
  const trusting = await p.run(["list"], { env: { NODE_EXTRA_CA_CERTS: cert } });
  assert.match(trusting.stdout, /greeter/, trusting.stderr);
  const { code } = await p.agentctl("list");
  assert.equal(code, 5, "nobody else trusts it");
  writeFileSync(cert, "no certificate");
  daemon.child.kill("SIGHUP");
  const after = await p.run(["list"], { env: { NODE_EXTRA_CA_CERTS: key } });
  assert.equal(after.code, 5);
  const { stderr } = await daemon.end();
  assert.match(stderr, /no certificate and key in PEM.*the old certificate stays/);
});

void test("agentd refuses half a pair, files that are none, and a limit that is none", async () => {
  await using p = project();
  const absent = join(p.dir, "absent");
  for (const [args, code, message] of [
    [["--tls-cert", absent], 2, /both a certificate and its key/],
    [["--tls-key", absent], 2, /both a certificate and its key/],
    [["--tls-cert", absent, "--tls-key", absent], 1, /Cannot read TLS certificate ".*absent"/],
    [["--max-connections", "0"], 2, /"--max-connections 0" is not possible/],
  ] as const) {
    const ended = await p.agentd(["--port", "0", ...args]);
    assert.equal(ended.code, code, ended.stderr);
    assert.match(ended.stderr, message);
  }
});
