import { unauthorized } from "../../control/access.ts";
import { isLoopback } from "./loopback.ts";

/**
 * The address of a request as its client signs it (NIP-98): below the public address, or that at which this
 * process listens. What `Host` a client says counts only where it is another name of the same loopback: a
 * signature for another server must not be good here.
 * @throws DENIED (401) for another host, and where the process listens on all addresses and nobody said its own
 */
export function clientAddress(
  request: URL,
  { listening, publicUrl }: { readonly listening: string; readonly publicUrl: string | undefined },
): URL {
  const path = request.pathname + request.search;
  if (publicUrl !== undefined) return new URL(path, publicUrl);
  const own = new URL(listening);
  const hosts = [own.hostname, request.hostname].map((host) => host.replaceAll(/^\[|\]$/g, ""));
  const ours = hosts.every((host) => host === "localhost" || isLoopback(host));
  if (request.port === own.port && (ours || (hosts[0] === hosts[1] && !isAny(hosts[0]!)))) {
    return new URL(path, `${own.protocol}//${request.host}`);
  }
  throw unauthorized(
    'Cannot let in a signed request: it names a host that this agentd is not known by: start it with "--public-url URL"',
  );
}

/** True for what stands for all addresses of a machine, and is none. */
function isAny(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}
