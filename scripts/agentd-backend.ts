import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { remoteRuntime } from "../src/control/remote-runtime.ts";
import type { RemoteHome } from "../src/control/remote-runtime.ts";
import type { BackendFixture } from "../src/testing/index.ts";
import { start } from "./agentd.ts";
import { outsideServer } from "./outside-server.ts";

/** The local backend with the agents of the suite, as its users have it: one agentd for all cases. */
export async function agentdBackend(): Promise<
  AsyncDisposable & { readonly fixture: BackendFixture }
> {
  const { outside, url, close } = await outsideServer();
  process.env["OPENAGENTS_OUTSIDE"] = url;
  const data = mkdtempSync(join(tmpdir(), "openagents-conformance-"));
  const config = new URL("conformance.config.ts", import.meta.url);
  const file = (name: string): string => readFileSync(join(data, name), "utf8");
  const boot = async (release = 1): Promise<RemoteHome> => {
    process.env["OPENAGENTS_RELEASE"] = String(release);
    daemon = await start(config, data);
    return remoteRuntime({ url: daemon.url, token: file("token").trim() });
  };
  let daemon: Awaited<ReturnType<typeof start>>;
  // Cases begin with the daemon that the one before left.
  let runtime = await boot();
  return {
    fixture: {
      get runtime() {
        return runtime;
      },
      outside,
      async crash(release) {
        await daemon.kill();
        runtime = await boot(release);
        return runtime;
      },
      follow: (ref) => runtime.stream(ref),
      secrets: async () => [
        (JSON.parse(file("keys.json")) as { mnemonic: string }).mnemonic,
        file("token").trim(),
      ],
      dispose: async () => undefined,
    },
    async [Symbol.asyncDispose]() {
      await daemon.kill();
      close();
      rmSync(data, { recursive: true, force: true });
    },
  };
}
