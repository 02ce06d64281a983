import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { localOutside, outsideHandler } from "../src/testing/backend-conformance.ts";
import type { Outside } from "../src/testing/backend-conformance.ts";

/** The outside of the backend suite, for agents of another process on this machine. */
export interface OutsideServer {
  readonly outside: Outside;
  readonly url: string;
  readonly close: () => void;
}

export async function outsideServer(): Promise<OutsideServer> {
  const outside = localOutside();
  const server = createAdaptorServer({ fetch: outsideHandler(outside) });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    outside,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.close();
      if ("closeAllConnections" in server) server.closeAllConnections();
    },
  };
}
