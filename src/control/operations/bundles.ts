import { BUNDLE_TYPE } from "../../core/bundle/manifest.ts";
import { errorInfo, OpenAgentsError } from "../../core/errors.ts";
import { IMPORT_MODES } from "../../core/move.ts";
import { decodeNpub } from "../../identity/nip19.ts";
import { operation } from "../operation.ts";
import type { Operation } from "../operation.ts";
import { HttpError } from "../problem.ts";
import { moveParameter, textParameter, wordParameter } from "../query.ts";
import { imported as importedShape } from "../shapes/move.ts";
import { unread } from "../unread.ts";

/** Operations that make a bundle of an agent, and an agent of a bundle. */
export const bundleOperations: readonly Operation[] = [
  operation({
    id: "exportAgent",
    method: "get",
    path: "/agents/{ref}/export",
    scope: "admin",
    tag: "Moves",
    summary: "Gives an agent with all that it has, as a tar stream",
    query: {
      to: textParameter("The public key of the home that its private key is sealed for."),
      move: moveParameter,
    },
    answers: { 200: { description: "The bundle.", type: BUNDLE_TYPE } },
    async run({ runtime, ref, query: { to, move }, c }) {
      const { name } = await runtime.get(ref);
      const bundle = await runtime.export(ref, {
        move,
        to: to === undefined ? undefined : publicKeyOf(to),
      });
      return c.body(bundle, 200, {
        "content-type": BUNDLE_TYPE,
        // Names have no character that would have to be quoted.
        "content-disposition": `attachment; filename="${name}.tar"`,
        "cache-control": "no-store",
      });
    },
  }),
  operation({
    id: "importAgent",
    method: "post",
    path: "/agents/import",
    scope: "admin",
    tag: "Moves",
    summary: "Takes an agent in from a bundle",
    query: {
      mode: wordParameter("mode", "What it becomes here. Default restore.", IMPORT_MODES),
      name: textParameter("Another name than it has."),
    },
    stream: BUNDLE_TYPE,
    answers: { 201: { description: "It was taken in.", body: importedShape } },
    async run({ home, query: { mode, name }, c }, answer) {
      const type = c.req.header("content-type");
      if (type !== undefined && !/^application\/(?:x-tar|octet-stream)\b/i.test(type)) {
        throw new OpenAgentsError(
          "INVALID",
          `Cannot read bundle: content type is "${type}", not "${BUNDLE_TYPE}"`,
        );
      }
      const { body } = c.req.raw;
      if (body === null) throw new HttpError(422, "CORRUPT", "Cannot read bundle: it is empty");
      const reader = body.getReader();
      try {
        // To give up reading is not to let go of the connection, which carries the answer.
        const imported = await home.import(unread(reader), { mode, name });
        return answer(201, imported, { location: `/agents/${imported.agent.id}` });
      } catch (error) {
        await drain(reader);
        const { code, message } = errorInfo(error);
        // Here these are no damage of what is stored, but faults of what was sent.
        throw code === "CORRUPT" || code === "VERSION" ? new HttpError(422, code, message) : error;
      }
    },
  }),
];

/** Bytes of a refused bundle that are let in before the answer goes out, and for how long at most, ms. */
const LET_IN = 16_777_216;
const PATIENCE = 5_000;

/**
 * Reads on what is refused: a client that is still sending may not see the answer before it is done,
 * and some servers cut it off once they have answered. Resolves when enough was read; all that is left
 * is read then, as nobody waits for it.
 */
async function drain(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  const enough = Promise.withResolvers<void>();
  const timer = setTimeout(enough.resolve, PATIENCE);
  const run = async (): Promise<void> => {
    for (let left = LET_IN; ;) {
      const { done, value } = await reader.read();
      if (done) return;
      left -= value.length;
      if (left < 0) enough.resolve();
    }
  };
  run().then(enough.resolve, () => enough.resolve());
  await enough.promise;
  clearTimeout(timer);
}

/** The hex public key that an npub or a hex key stands for. @throws INVALID */
function publicKeyOf(text: string): string {
  if (/^[0-9a-f]{64}$/i.test(text)) return text.toLowerCase();
  return decodeNpub(text);
}
