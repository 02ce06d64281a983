/**
 * The world outside of all agents: what they do to it stays done when their process dies. Cases look
 * things up in it and open its gates. It lives with the cases; agents of another process have it over
 * HTTP.
 */
export interface Outside {
  /** Counts one more of something; how many there are. */
  count(what: string): Promise<number>;
  counted(what: string): Promise<number>;
  /** Waits until the gate is opened. */
  pass(gate: string): Promise<void>;
  open(gate: string): Promise<void>;
}

/** An outside in this process. */
export function localOutside(): Outside {
  const counts = new Map<string, number>();
  const gates = new Map<string, PromiseWithResolvers<void>>();
  const gate = (name: string): PromiseWithResolvers<void> => {
    const known = gates.get(name) ?? Promise.withResolvers();
    gates.set(name, known);
    return known;
  };
  return {
    async count(what) {
      const count = (counts.get(what) ?? 0) + 1;
      counts.set(what, count);
      return count;
    },
    counted: async (what) => counts.get(what) ?? 0,
    pass: (name) => gate(name).promise,
    open: async (name) => gate(name).resolve(),
  };
}

/** How long a request waits for a gate before it is asked again, ms. */
const POLL = 5_000;

/** Answers what `remoteOutside` asks: a fetch handler over an outside of this process. */
export function outsideHandler(outside: Outside): (request: Request) => Promise<Response> {
  return async (request) => {
    const { pathname, searchParams } = new URL(request.url);
    const name = searchParams.get("name") ?? "";
    switch (pathname) {
      case "/count":
        return Response.json(await outside.count(name));
      case "/counted":
        return Response.json(await outside.counted(name));
      case "/open":
        return Response.json((await outside.open(name)) ?? true);
      case "/pass":
        return Response.json(
          await Promise.race([
            outside.pass(name).then(() => true),
            new Promise((resolve) => {
              setTimeout(() => resolve(false), POLL);
            }),
          ]),
        );
      default:
        return new Response(null, { status: 404 });
    }
  };
}

/** An outside at a URL where `outsideHandler` answers: for agents of another process. */
export function remoteOutside(url: string): Outside {
  const ask = async <T>(what: string, name: string): Promise<T> => {
    const response = await fetch(`${url}/${what}?name=${encodeURIComponent(name)}`, {
      method: "POST",
    });
    return (await response.json()) as T;
  };
  return {
    count: (what) => ask("count", what),
    counted: (what) => ask("counted", what),
    async pass(gate) {
      while (!(await ask<boolean>("pass", gate)));
    },
    async open(gate) {
      await ask("open", gate);
    },
  };
}
