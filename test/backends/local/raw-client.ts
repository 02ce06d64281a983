import { connect } from "node:net";
import type { Socket } from "node:net";

/** A connection whose client writes what it likes. */
export interface RawClient extends AsyncDisposable {
  readonly socket: Socket;
  write(text: string | Uint8Array): void;
  /** All that came so far. */
  text(): string;
  /** Once all that came fits. @throws when the connection ends before */
  until(fits: RegExp): Promise<string>;
  /** All that came, once the server has closed the connection. */
  closed: Promise<string>;
}

/** Connects to where a server listens. */
export async function rawClient(url: string): Promise<RawClient> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  let text = "";
  let look = (): void => undefined;
  socket.setEncoding("latin1");
  socket.on("data", (more: string) => {
    text += more;
    look();
  });
  // What a server that refuses does to whoever goes on sending.
  socket.on("error", () => undefined);
  const ended = new Promise<string>((resolve) => {
    socket.once("end", () => {
      socket.end();
      resolve(text);
    });
    socket.once("close", () => resolve(text));
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  return {
    socket,
    write: (bytes) => void socket.write(bytes),
    text: () => text,
    closed: ended,
    async until(fits) {
      const found = new Promise<string>((resolve) => {
        look = () => fits.test(text) && resolve(text);
        look();
      });
      const over = ended.then((all) => {
        if (fits.test(all)) return all;
        throw new Error(`The connection ended after ${JSON.stringify(all)}`);
      });
      return Promise.race([found, over]);
    },
    async [Symbol.asyncDispose]() {
      socket.destroy();
      await ended;
    },
  };
}

/** The statuses of the answers in what a server sent. */
export function statuses(text: string): readonly number[] {
  return [...text.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map(([, status]) => Number(status));
}
