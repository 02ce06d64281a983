import { readFileSync } from "node:fs";
import { connect } from "node:net";
import type { Socket } from "node:net";
import type { Bench, Figures } from "../bench.ts";
import { startAgentd, startFanoutFloor } from "../children.ts";
import type { Agentd } from "../children.ts";
import { httpClient } from "../http-client.ts";
import { median, round, tails } from "../measure.ts";

// Many clients that follow one agent: what each costs in memory, and how long it takes from the commit of
// a tick until each has it: from the end of its hook, so that the commit itself is in it. The floor is a bare server that sends the same bytes to as many clients.

/** How a client of one kind begins, on a connection of its own. */
interface Kind {
  readonly hello: (target: Pick<Agentd, "token">, path: string) => string;
  /** What it says once it was answered. */
  readonly next?: Buffer;
  /** It is connected when this came. */
  readonly ready: string;
}

const upgrade =
  "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

const KINDS = {
  sse: {
    hello: ({ token }, path) =>
      `GET ${path}/stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n\r\n`,
    ready: ": connected",
  },
  ws: {
    hello: ({ token }, path) =>
      `GET ${path}/ws HTTP/1.1\r\nhost: x\r\n${upgrade}authorization: Bearer ${token}\r\n\r\n`,
    next: clientFrame('{"type":"subscribe"}'),
    ready: "subscribed",
  },
} as const satisfies Record<string, Kind>;

export const sseFanout = (bench: Bench): Promise<Figures> => fanout(bench, "sse");
export const wsFanout = (bench: Bench): Promise<Figures> => fanout(bench, "ws");

async function fanout(bench: Bench, name: keyof typeof KINDS): Promise<Figures> {
  const { clients, fans } = bench.sizes;
  const kind = KINDS[name];
  const agentd = await startAgentd(bench.directory());
  const post = httpClient(agentd, 1);
  await post("/agents", { name: "star", type: "timer" });
  // Once, so that what is made at the first use is not counted.
  const warm = await crowd(agentd, kind, { path: "/agents/star", count: 1 });
  await post("/agents/star/send?wait", { text: "first" });
  warm.end();
  const before = await settledRss(agentd.pid);
  const ours = await crowd(agentd, kind, { path: "/agents/star", count: clients });
  const memory = ((await settledRss(agentd.pid)) - before) / clients;

  const took: number[] = [];
  const all: number[] = [];
  let bytes = 0;
  for (let i = 0; i <= fans; i += 1) {
    const length = ours.bytes();
    const gotOurs = ours.round("tick_end");
    await post("/agents/star/send", { text: `number ${i}` });
    const times = await gotOurs;
    if (i === 0) continue;
    bytes = (ours.bytes() - length) / clients;
    took.push(...times);
    all.push(Math.max(...times));
  }
  ours.end();
  await agentd.stop();

  const floor = await startFanoutFloor();
  const raw = httpClient(floor, 1);
  const theirs = await crowd(floor, KINDS.sse, { path: "", count: clients });
  const floors: number[] = [];
  for (let i = 0; i <= fans; i += 1) {
    const gotTheirs = theirs.round("tick_end");
    await raw(`/say?bytes=${Math.round(bytes)}`, {});
    const times = await gotTheirs;
    if (i > 0) floors.push(Math.max(...times));
  }
  theirs.end();
  await floor.stop();
  const last = median(all);
  return {
    value: round(memory / 1024),
    unit: "KiB/client",
    ...tails(took),
    bytes: Math.round(bytes),
    ratio: round(median(floors) / last),
    against: `the last of ${clients} after ${round(last)} ms, of a bare node:http server after ${round(median(floors))} ms`,
  };
}

interface Crowd {
  /**
   * How long after the time in it each client got the event that has this in it, ms: begun before it is
   * sent, and over when all have it.
   */
  round(mark: string): Promise<number[]>;
  bytes(): number;
  end(): void;
}

async function crowd(
  target: Pick<Agentd, "url" | "token">,
  kind: Kind,
  { path, count }: { readonly path: string; readonly count: number },
): Promise<Crowd> {
  const { hostname, port } = new URL(target.url);
  let heard: (socket: Socket, text: string) => void = () => {};
  let bytes = 0;
  const open = (): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const socket = connect(Number(port), hostname);
      let said = "";
      let asked = kind.next === undefined;
      const first = (chunk: Buffer): void => {
        said += chunk.toString("latin1");
        if (!asked && said.includes("hello")) {
          asked = true;
          socket.write(kind.next!);
        }
        if (!said.includes(kind.ready)) return;
        socket.off("data", first);
        socket.on("data", (more) => {
          bytes += more.length;
          heard(socket, more.toString("latin1"));
        });
        resolve(socket);
      };
      socket.on("data", first);
      socket.once("error", reject);
      socket.write(kind.hello(target, path));
    });
  const sockets: Socket[] = [];
  for (let i = 0; i < count; i += 50) {
    const some = Array.from({ length: Math.min(50, count - i) }, open);
    sockets.push(...(await Promise.all(some)));
  }
  return {
    round: (mark) =>
      new Promise((resolve) => {
        const times: number[] = [];
        const texts = new Map<Socket, string>();
        heard = (socket, chunk) => {
          const text = (texts.get(socket) ?? "") + chunk;
          texts.set(socket, text);
          const sent = text.includes(mark) ? /"ended":(\d+(?:\.\d+)?)/.exec(text) : null;
          if (sent === null) return;
          texts.delete(socket);
          times.push(performance.timeOrigin + performance.now() - Number(sent[1]));
          if (times.length === sockets.length) resolve(times);
        };
      }),
    bytes: () => bytes,
    end() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

function clientFrame(text: string): Buffer {
  return Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]);
}

/** RSS of a process once it does not grow any more, in bytes. */
async function settledRss(pid: number): Promise<number> {
  let rss = 0;
  for (let i = 0; i < 20; i += 1) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    const pages = Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]);
    const now = pages * 4096;
    if (Math.abs(now - rss) < 65_536) return now;
    rss = now;
  }
  return rss;
}
