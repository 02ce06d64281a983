import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import { checkLabels, checkName, lineageOf } from "./agent.ts";
import type { AgentRecord } from "./agent.ts";
import { movedError } from "./between-homes.ts";
import type { Envelope } from "./envelope.ts";
import { checkGiven } from "./bundle/given-mounts.ts";
import { digestOf, manifestDigest } from "./bundle/manifest.ts";
import type { Manifest } from "./bundle/manifest.ts";
import { readBundle } from "./bundle/read.ts";
import { whileSent } from "./bundle/stall.ts";
import type { BundleLimits, Piece } from "./bundle/read.ts";
import type { End } from "./bundle/write.ts";
import { cloneAgent } from "./clone.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { errorInfo, OpenAgentsError } from "./errors.ts";
import type { ErrorCode } from "./errors.ts";
import { sha256Hex } from "./hash.ts";
import type { Kernel } from "./kernel.ts";
import { kindIn } from "./mounts.ts";
import { moveOf, moveText, settled } from "./move.ts";
import type { SetAside } from "./move.ts";
import type { Mover } from "./mover.ts";
import type { Restored } from "./ports/index.ts";
import { paths } from "./tree.ts";
import { verifyAgent } from "./verify.ts";

/** What `Importer.import` gives: as `Imported`, with the agent as it is stored. */
export interface Admitted {
  readonly record: AgentRecord;
  readonly warnings: readonly string[];
  readonly ticket?: string;
}

const TOTAL_BYTES = 2 ** 36;
const ENTRIES = 10_000_000;
/** Bytes of an entry of rows beyond the largest content of one, and of a file beyond its value. */
const ROWS_BYTES = 16_777_216;
const NOTE = 65_536;
/** Files that are restored at once. */
const FILES = 64;
const FILE_BYTES = 1_048_576;

/** Takes agents in from bundles. */
export class Importer {
  readonly #kernel: Kernel;
  readonly #dispatcher: Dispatcher;
  readonly #mover: Mover;
  /** Agents whose bundles are being read. */
  readonly #importing = new Set<string>();

  constructor(kernel: Kernel, dispatcher: Dispatcher, mover: Mover) {
    this.#kernel = kernel;
    this.#dispatcher = dispatcher;
    this.#mover = mover;
  }

  async import(
    stream: ReadableStream<Uint8Array>,
    { mode = "restore", name, account }: SetAside,
  ): Promise<Admitted> {
    const { clock } = this.#kernel;
    const sent = whileSent(stream, {
      after: (ms, run) => clock.after(ms, run),
      bytes: TOTAL_BYTES,
    });
    const pieces = readBundle(sent, this.#limits());
    try {
      const first = await pieces.next();
      if (first.done === true || !("manifest" in first.value))
        throw refuse("CORRUPT", "it is empty");
      const { manifest } = first.value;
      if (name !== undefined) checkName(name);
      this.#checkSigned(manifest);
      const warnings = [
        ...this.#checkFits(manifest, mode === "migrate" || mode === "clone"),
        ...(mode === "clone" ? [] : await this.#checkAlone(manifest)),
      ];
      if (mode === "clone") {
        const parts = this.#parts(manifest, pieces);
        const record = await cloneAgent(this.#kernel, { manifest, name, account, parts });
        const settle = (): Promise<AgentRecord> => this.#mover.settle(record);
        return { record: await this.#dispatcher.hold(record.id, settle), warnings };
      }
      const { id } = manifest.agent;
      if (this.#importing.has(id))
        throw refuse("BUSY", "another one of this agent is being imported");
      this.#importing.add(id);
      try {
        return { ...(await this.#restore(manifest, pieces, name)), warnings };
      } finally {
        this.#importing.delete(id);
      }
    } finally {
      await pieces.return(undefined).catch(() => undefined);
    }
  }

  /** Between `#begin` and the end nothing else touches the agent: it is `arriving`, and not complete. */
  async #restore(
    manifest: Manifest,
    pieces: AsyncGenerator<Piece>,
    name: string | undefined,
  ): Promise<{ readonly record: AgentRecord; readonly ticket?: string }> {
    const { id } = manifest.agent;
    const { store } = this.#kernel;
    const record = await this.#dispatcher.hold(id, () => this.#begin(manifest, name));
    try {
      for await (const part of this.#parts(manifest, pieces)) {
        await store.restore(id, part);
        // What can be undone until then is held in memory.
        await store.sync();
      }
      await this.#checkWhole(manifest);
      return await this.#dispatcher.hold(id, () => this.#complete(record, manifest));
    } catch (error) {
      await this.#dispatcher.hold(id, async () => {
        const left = await store.get(id);
        if (left !== undefined && moveOf(left).arriving?.complete === false) {
          await this.#mover.undoArrival(left);
        }
      });
      throw error;
    }
  }

  /** Makes room for an agent: its entry, `arriving`, with nothing in it. */
  async #begin(manifest: Manifest, wanted: string | undefined): Promise<AgentRecord> {
    const { store } = this.#kernel;
    const { id, status: was } = manifest.agent;
    const { move, createdAt, head } = manifest;
    await this.#checkFor(manifest);
    const known = await store.get(id);
    const note = known === undefined ? {} : moveOf(known);
    if (known !== undefined) checkReplaces(known, { manifest, name: wanted });
    const name = known?.name ?? wanted ?? manifest.agent.name;
    const owner = await store.get(name);
    if (owner !== undefined && owner.id !== id) {
      throw refuse("EXISTS", `the name "${name}" is taken: give it another one`);
    }
    const before = note.moved ?? note.arriving?.before;
    const arriving = { move, createdAt, was, head, complete: false, ...(before && { before }) };
    const text = moveText({ ...settled(note), arriving })!;
    if (known === undefined) {
      const key = await this.#key(manifest);
      const { publicKey, type, createdAt: born } = manifest.agent;
      const labels = checkLabels(manifest.agent.labels ?? []);
      const lineage = lineageOf(manifest.agent);
      const entry = { id, publicKey, name, type, labels, createdAt: born, ...lineage };
      const record: AgentRecord = { ...entry, ...key, status: "arriving", move: text };
      await store.create(record);
      await store.sync();
      return record;
    }
    this.#kernel.cache.delete(id);
    await store.setStatus(id, "arriving", text);
    await store.clear(id);
    const labels = checkLabels(manifest.agent.labels ?? []);
    await store.update(id, { labels });
    await store.sync();
    return { ...known, labels, status: "arriving", move: text };
  }

  /** All of it is here and right: from now on it may arrive, and one that does not move is alive. */
  async #complete(
    record: AgentRecord,
    manifest: Manifest,
  ): Promise<{ readonly record: AgentRecord; readonly ticket?: string }> {
    const { store, random } = this.#kernel;
    const now = await store.get(record.id);
    // Whoever ended the move meanwhile has taken away what was here.
    if (now?.status !== "arriving" || now.move !== record.move) {
      throw refuse("CANCELLED", "the move was ended meanwhile");
    }
    const note = moveOf(record);
    if (manifest.move === undefined) return { record: await this.#mover.settle(record) };
    const ticket = bytesToHex(random.bytes(32));
    const tickets = [...(note.tickets ?? []), sha256Hex(ticket)];
    const arriving = { ...note.arriving!, complete: true };
    const move = moveText({ ...note, tickets, arriving })!;
    await store.setStatus(record.id, "arriving", move);
    await store.sync();
    return { record: { ...record, move }, ticket };
  }

  /** The parts of a bundle, small files together; checks its end before it gives the last one. */
  async *#parts(manifest: Manifest, pieces: AsyncGenerator<Piece>): AsyncGenerator<Restored> {
    const { id } = manifest.agent;
    let files: NonNullable<Restored["files"]>[number][] = [];
    let size = 0;
    let end: End | undefined;
    let head = 0;
    for await (const piece of pieces) {
      if ("end" in piece) end = piece.end;
      if (!("part" in piece)) continue;
      const { part } = piece;
      files.push(...(part.files ?? []));
      size += part.files?.reduce((sum, file) => sum + file.value.length, 0) ?? 0;
      if (files.length >= FILES || size >= FILE_BYTES || part.files === undefined) {
        if (files.length > 0) yield { files };
        [files, size] = [[], 0];
      }
      if (part.files !== undefined) continue;
      for (const { n } of part.log ?? []) {
        head += 1;
        if (n !== head) throw refuse("CORRUPT", `record ${head} is missing`);
      }
      for (const { envelope, reason } of part.mail ?? []) {
        const theirs = envelope.to !== id && reason === undefined;
        if (theirs) throw refuse("CORRUPT", `mail "${envelope.id}" is for somebody else`);
      }
      for (const { id: mail, from } of part.outbox ?? []) {
        if (from !== id) throw refuse("CORRUPT", `mail "${mail}" is from somebody else`);
      }
      yield part.outbox === undefined ? part : { ...part, outbox: part.outbox.map(toKey) };
    }
    if (files.length > 0) yield { files };
    const { publicKey } = manifest.agent;
    const signed =
      end !== undefined &&
      this.#kernel.signer.verify(publicKey, hexToBytes(end.digest), hexToBytes(end.signature));
    if (!signed) throw refuse("CORRUPT", "it is not signed by the agent that it holds");
  }

  /** Checks what was stored: the trajectory, and the files against it. */
  async #checkWhole({ agent, head, definition, mounts }: Manifest): Promise<void> {
    const { store } = this.#kernel;
    const verdict = await verifyAgent(store, agent.id);
    if (!verdict.ok) throw refuse("CORRUPT", `record ${verdict.wrong} is wrong: ${verdict.reason}`);
    if (verdict.records !== (head?.n ?? 0) || verdict.head !== head?.hash) {
      throw refuse("CORRUPT", "its trajectory does not end where its manifest says");
    }
    const [version] = await store.read(agent.id, [paths.version]);
    if (Number(version ?? 0) !== definition.version) {
      throw refuse("CORRUPT", "its state is of another version than its manifest says");
    }
    await checkGiven(store, agent.id, { mounts });
  }

  #checkSigned(manifest: Manifest): void {
    const { signer } = this.#kernel;
    const { id, publicKey } = manifest.agent;
    let digest: Uint8Array;
    try {
      digest = hexToBytes(manifestDigest(manifest));
    } catch (error) {
      // It has more members than are known, and one of them is nothing that could be signed.
      throw refuse("CORRUPT", errorInfo(error).message);
    }
    const signed = signer.verify(publicKey, digest, hexToBytes(manifest.signature));
    if (signed && signer.npub(publicKey) === id) return;
    throw refuse("CORRUPT", "its manifest is not signed by the agent that it names");
  }

  /** Checks that this runtime can run the agent; warnings of what differs. */
  #checkFits({ agent, definition, mounts }: Manifest, older: boolean): readonly string[] {
    const { agents, tree } = this.#kernel;
    const here = agents.get(agent.type);
    if (here === undefined) {
      const types = [...agents.keys()].join(", ");
      throw refuse("INVALID", `there is no agent type "${agent.type}", there are: ${types}`);
    }
    const strange = mounts.filter((line) => tree?.kinds.includes(kindIn(line)) !== true);
    if (strange.length > 0) {
      throw refuse("INVALID", `it has mounts of kinds that are not here: ${strange.join(", ")}`);
    }
    const warnings = mounts.map((line) => `It has the mount "${line}" here as at its old home`);
    const { version } = definition;
    const its = `its state has version ${version}, and "${here.name}" has version ${here.version}`;
    if (version > here.version) throw refuse("VERSION", `${its}: use the newer definition`);
    if (version > 0 && version < here.version && !older) {
      throw refuse("VERSION", `${its}: to have it migrated, import with mode "migrate"`);
    }
    if (definition.digest === digestOf(here)) return warnings;
    return [
      `The definition of "${here.name}" is not the one that it had at its old home`,
      ...warnings,
    ];
  }

  /** A warning for a copy of an agent that may live on elsewhere. */
  async #checkAlone({ agent, home, move }: Manifest): Promise<readonly string[]> {
    const { signer } = this.#kernel;
    if (move !== undefined || home === (await signer.home()).publicKey) return [];
    return [
      `"${agent.name}" lives on at its old home (${signer.npub(home)}), unless it was deleted there: two that live are one identity whose records part. To take it along, move it`,
    ];
  }

  /** Whoever was here before has its key here: a bundle is for one home all the same. @throws DENIED */
  async #checkFor({ key }: Manifest): Promise<void> {
    const { signer } = this.#kernel;
    const home = await signer.home();
    const whose = "signer" in key ? key.signer : key.for;
    if (whose === home.publicKey) return;
    throw refuse(
      "DENIED",
      `its key is for another runtime (${signer.npub(whose)}): export it with --to ${home.npub}`,
    );
  }

  /** How the signer finds the key of an agent that was not here before. @throws DENIED */
  async #key({ agent, key }: Manifest): Promise<Pick<AgentRecord, "account" | "key">> {
    const { signer } = this.#kernel;
    if ("sealed" in key) {
      return { account: null, key: await signer.adopt(agent.publicKey, key.sealed) };
    }
    const { account } = agent;
    const same = account !== null && (await signer.identity(account)).publicKey === agent.publicKey;
    if (!same) throw refuse("DENIED", "its key is not the one of its account");
    // A store that is younger than the agent must not give its account to another one.
    await this.#kernel.store.reserve(account);
    return { account };
  }

  #limits(): BundleLimits {
    const { valueBytes, envelopeBytes, outputBytes } = this.#kernel.limits;
    return {
      fileBytes: valueBytes + NOTE,
      // A character has up to six bytes in JSON within JSON.
      rowsBytes: ROWS_BYTES + 6 * Math.max(envelopeBytes, outputBytes),
      totalBytes: TOTAL_BYTES,
      entries: ENTRIES,
    };
  }
}

/** Mail that was sealed for a key is for that one, whoever has its name here. */
function toKey(envelope: Envelope): Envelope {
  if (envelope.sealed !== "sender") return envelope;
  const { toName: _name, ...rest } = envelope;
  return rest;
}

/** @throws EXISTS, MOVED, INVALID when a bundle may not take the place of what is here */
function checkReplaces(
  known: AgentRecord,
  { manifest, name }: { readonly manifest: Manifest; readonly name: string | undefined },
): void {
  const { move, createdAt, agent } = manifest;
  const { arriving, past = [] } = moveOf(known);
  if (known.type !== agent.type) throw refuse("INVALID", `"${known.name}" is a ${known.type} here`);
  if (name !== undefined && name !== known.name) {
    throw refuse("INVALID", `it is known here as "${known.name}" and keeps that name`);
  }
  if (move !== undefined && past.includes(move)) {
    throw refuse("EXISTS", `the move "${move}" is over: begin another one`);
  }
  if (known.status === "moved") {
    // A copy that was kept is of the past: the agent lives on elsewhere.
    if (move === undefined) throw movedError(known);
    return;
  }
  if (known.status === "terminated") {
    throw refuse(
      "EXISTS",
      `"${known.name}" ended here: erase it first, by its id, with its record`,
    );
  }
  if (known.status !== "arriving" || arriving === undefined) {
    throw refuse("EXISTS", `"${known.name}" is here`);
  }
  // What is whole may be all that there is of the agent, unless its old home has let it go anew.
  const newer = move !== undefined && move !== arriving.move && createdAt > arriving.createdAt;
  if (arriving.complete && !newer) {
    throw refuse("EXISTS", `"${known.name}" is here and waits to arrive`);
  }
}

function refuse(code: ErrorCode, why: string): OpenAgentsError {
  return new OpenAgentsError(code, `Cannot import: ${why}`);
}
