import { Agent, request } from "node:http";
import type { Agentd } from "./children.ts";

/**
 * Posts JSON to a daemon, or gets what is there when there is none, over connections that are kept; throws
 * unless the answer is a 2xx.
 */
export type Post = (path: string, body?: unknown) => Promise<string>;

/** A client with at most so many connections. */
export function httpClient(
  { url, token }: Pick<Agentd, "url" | "token">,
  connections: number,
): Post {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const { hostname, port } = new URL(url);
  return (path, body) =>
    new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const method = text === undefined ? "GET" : "POST";
      const headers = {
        authorization: `Bearer ${token}`,
        ...(text !== undefined && {
          "content-type": "application/json",
          "content-length": Buffer.byteLength(text),
        }),
      };
      const call = request({ agent, hostname, port, path, method, headers }, (answer) => {
        let said = "";
        answer.setEncoding("utf8");
        answer.on("data", (chunk: string) => {
          said += chunk;
        });
        answer.on("error", reject);
        answer.on("end", () => {
          if (Math.trunc((answer.statusCode ?? 0) / 100) === 2) resolve(said);
          else
            reject(new Error(`${method} ${path} was answered with ${answer.statusCode}: ${said}`));
        });
      });
      call.on("error", reject);
      call.end(text);
    });
}
