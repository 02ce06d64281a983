import { equal, ok } from "../assert.ts";
import type { FileService } from "../../core/ports/files.ts";
import { bytes, names, refused, text, turn } from "./kit.ts";
import type { FileCases, FilesCase } from "./kit.ts";

/** Does something again and again until `next` is there; that. */
async function until<T>(
  next: Promise<IteratorResult<T>>,
  change: (i: number) => Promise<unknown>,
): Promise<T> {
  const arrived: IteratorResult<T>[] = [];
  const arrival = next.then((result) => arrived.push(result));
  // A watch may take a while to begin, and then says nothing of what was before.
  for (let i = 0; arrived.length === 0; i += 1) {
    await Promise.race([arrival, change(i).then(turn)]);
  }
  const [result] = arrived;
  ok(result?.done === false, "something, and not the end");
  return result.value;
}

/** Does something until a watch of `path` tells of it; what it told. */
async function told(
  files: FileService,
  path: string,
  change: (i: number) => Promise<unknown>,
): Promise<string> {
  const stop = new AbortController();
  const watch = files.watch(path, stop.signal)[Symbol.asyncIterator]();
  try {
    return await until(watch.next(), change);
  } finally {
    stop.abort();
    equal((await watch.next()).done, true, "the end of a watch whose signal has aborted");
  }
}

function sampleOf<T>(sample: T | undefined, what: string): T {
  ok(sample !== undefined, `a fixture with ${what}`);
  return sample;
}

export const LIVE: FileCases = {
  "watch() tells of what is made, written and removed": {
    needs: ["write", "watch"],
    async run({ files, at, root = "/" }) {
      const write = async (i: number): Promise<unknown> => files.write(at("file"), bytes(`${i}`));
      equal(await told(files, root, write), at("file"));
      equal(await told(files, at("file"), write), at("file"));
      const path = await told(files, root, async () => {
        await files.write(at("other"), bytes("x"));
        await files.remove(at("other"));
      });
      equal(path, at("other"));
    },
  },

  "watch() tells of each kind of change alone": {
    needs: ["write", "watch"],
    async run({ files, at }) {
      const { path } = await files.write(at("file"), bytes("x"));
      const end = { at: "end" } as const;
      equal(await told(files, path, () => files.write(path, bytes("y"), end)), path);
      await files.write(at("b"), bytes("x"));
      const moved = await told(files, at("b"), async () => {
        await files.write(at("a"), bytes("x"));
        await files.rename(at("a"), at("b"));
      });
      equal(moved, at("b"));
    },
  },

  "watch() tells of directories": {
    needs: ["write", "watch", "directories"],
    async run({ files, at, root = "/" }) {
      const made = await told(files, root, async (i) => {
        await files.makeDirectory!(at(`d${i}`));
      });
      ok(made.startsWith(at("d")), `a directory that was made, not ${made}`);
      await files.makeDirectory!(at("in"));
      await files.makeDirectory!(at("in/deep"));
      const write = (i: number): Promise<unknown> => files.write(at("in/deep/file"), bytes(`${i}`));
      equal(await told(files, at("in"), write), at("in/deep/file"));
    },
  },

  "watch() tells of nothing that is elsewhere": {
    needs: ["write", "watch", "directories"],
    async run({ files, at }) {
      await files.makeDirectory!(at("in"));
      await files.makeDirectory!(at("in-too"));
      const path = await told(files, at("in"), async (i) => {
        await files.write(at("in-too/file"), bytes(`${i}`));
        await files.write(at("inn"), bytes(`${i}`));
        await files.write(at("in/file"), bytes(`${i}`));
      });
      equal(path, at("in/file"));
    },
  },

  "watch() ends with its signal": {
    needs: ["watch"],
    async run({ files, root = "/" }) {
      const stop = new AbortController();
      const watch = files.watch(root, stop.signal)[Symbol.asyncIterator]();
      const next = watch.next();
      await turn();
      stop.abort();
      equal((await next).done, true);
      equal((await watch.next()).done, true);
      const late = files.watch(root, AbortSignal.abort())[Symbol.asyncIterator]();
      equal((await late.next()).done, true);
    },
  },

  "watch() tells each of many, also when others end": {
    needs: ["write", "watch"],
    async run({ files, at, root = "/" }) {
      const gone = new AbortController();
      const ended = files.watch(root, gone.signal)[Symbol.asyncIterator]();
      const end = ended.next();
      gone.abort();
      await end;
      const write = (i: number): Promise<unknown> => files.write(at("file"), bytes(`${i}`));
      const all = await Promise.all(Array.from({ length: 5 }, () => told(files, root, write)));
      equal(
        all,
        all.map(() => at("file")),
      );
    },
  },

  "exchange() gives each question its own answer": {
    needs: ["exchange"],
    async run(fixture: FilesCase) {
      const { files } = fixture;
      const { path, rounds } = sampleOf(fixture.exchange, "a file that answers");
      equal((await files.stat(path)).nature, "exchange");
      for (const [data, answer] of rounds) equal(await files.exchange!(path, data), answer);
      const many = Array.from({ length: 10 }, (_, i) => rounds[i % rounds.length]!);
      const answers = await Promise.all(many.map(([data]) => files.exchange!(path, data)));
      equal(
        answers,
        many.map(([, answer]) => answer),
      );
      await refused(files.exchange!(`${path}-none`, bytes("x")), "ENOENT", "ENOTSUP");
    },
  },

  "exchange() and follow() are ENOTSUP of a plain file": {
    needs: ["write"],
    async run({ files, at }) {
      await files.write(at("file"), bytes("x"));
      if (files.exchange !== undefined) {
        await refused(files.exchange(at("file"), bytes("x")), "ENOTSUP");
      }
      if (files.follow === undefined) return;
      const follow = files.follow(at("file"), new AbortController().signal);
      await refused(follow[Symbol.asyncIterator]().next(), "ENOTSUP");
    },
  },

  "follow() gives what comes, in whole lines, until its signal": {
    needs: ["stream"],
    async run(fixture: FilesCase) {
      const { files } = fixture;
      const { path, grow } = sampleOf(fixture.stream, "a stream");
      equal((await files.stat(path)).nature, "stream");
      // To read it ends, though it has no end.
      await files.read(path);
      const stop = new AbortController();
      const follow = files.follow!(path, stop.signal)[Symbol.asyncIterator]();
      const seen: string[] = [];
      while (seen.length < 2) seen.push(text(await until(follow.next(), grow)));
      for (const lines of seen) ok(lines.endsWith("\n"), "whole lines");
      ok(seen[0] !== seen[1], "what is new alone");
      stop.abort();
      for (;;) if ((await follow.next()).done === true) break;
    },
  },
};

/** What a service that cannot be written does with whoever tries. */
export const READ_ONLY: FileCases = {
  "what cannot be written is left as it is": {
    needs: [],
    async run(fixture) {
      const { files, at, root = "/" } = fixture;
      const { path, data } = sampleOf(fixture.given, "a file that is there");
      const before = await names(files, root);
      const refusals = ["EACCES", "EROFS", "ENOTSUP"] as const;
      ok(!(await files.stat(path)).access.includes("w"), "a file that can only be read");
      await refused(files.write(path, bytes("x")), ...refusals);
      await refused(files.write(path, bytes("x"), { at: "end" }), ...refusals);
      await refused(files.write(at("new"), bytes("x")), ...refusals);
      await refused(files.remove(path), ...refusals, "EBUSY");
      await refused(files.rename(path, at("new")), ...refusals, "EXDEV", "EBUSY");
      if (files.makeDirectory) await refused(files.makeDirectory(at("new")), ...refusals);
      if (files.resize) await refused(files.resize(path, 0), ...refusals);
      equal(await files.read(path), data);
      equal(await names(files, root), before);
    },
  },
};
