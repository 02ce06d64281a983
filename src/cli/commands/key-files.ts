import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { join, resolve } from "node:path";
import { text as readAll } from "node:stream/consumers";
import type { Command } from "commander";
import { FILES, openDataDir, writeSecret } from "../../backends/local/data-dir.ts";
import { OpenAgentsError } from "../../core/errors.ts";
import { optionsOf, outputOf } from "../command.ts";
import { dataDirectory } from "../connection.ts";
import { readSecret } from "../secret.ts";
import { PASSPHRASE } from "./keys.ts";

/** What a backup does not have. */
const NOT_IN_IT =
  'Keys that agents brought along are not in it: "agentctl keys export NAME" gives one that is.';

// Loaded where they are needed: the curve and the ciphers take longer than all else of agentctl.
const openKeyfile = async (text: string, passphrase: string | undefined): Promise<string> =>
  (await import("../../identity/keyfile.ts")).openKeyfile(text, passphrase);
const sealKeyfile = async (words: string, passphrase: string | undefined): Promise<string> =>
  (await import("../../identity/keyfile.ts")).sealKeyfile(words, passphrase);
const npubOf = async (words: string): Promise<string> => {
  const { derivedSigner } = await import("../../identity/derived-signer.ts");
  return (await derivedSigner(words).home()).npub;
};

/** `agentctl keys backup` and `restore`, which work on a data directory and need no agentd. */
export function keyFileCommands(keys: Command): void {
  keys
    .command("backup")
    .description("print the words that all derived keys come from, or write a sealed copy of them")
    .option("-o, --output <file>", "write a copy sealed with the passphrase there")
    .action(async ({ output }: { readonly output?: string }, command: Command) => {
      const out = outputOf(command);
      const path = join(dataDirectory(optionsOf(command)), FILES.keys);
      const text = readKeyFile(path, "name its data directory with --data");
      if (output === undefined) {
        const mnemonic = (await plainWords(text)) ?? (await openKeyfile(text, await passphrase()));
        if (out.json) out.document({ mnemonic });
        else out.print(mnemonic);
        out.talk(`Whoever has these words has every key that comes from them. ${NOT_IN_IT}`);
        return;
      }
      const words = await plainWords(text);
      const file = resolve(output);
      // Before a passphrase is asked for in vain.
      if (existsSync(file)) throw taken(file);
      writeNew(file, words === undefined ? text : await sealKeyfile(words, await passphrase(true)));
      if (out.json) out.document({ file });
      out.talk(
        `Wrote a copy to ${file}, sealed with the passphrase. Put it back with: agentctl keys restore FILE. ${NOT_IN_IT}`,
      );
    });

  keys
    .command("restore [file]")
    .description('put back a backup, a file or words; without a file, or with "-", from stdin')
    .action(async (file: string | undefined, _options: unknown, command: Command) => {
      const out = outputOf(command);
      const { text, words } = await readBackup(file);
      const path = install(dataDirectory(optionsOf(command)), text);
      const sealed = (await plainWords(text)) === undefined;
      const npub = words && (await npubOf(words));
      if (out.json) out.document({ file: path, sealed, npub });
      else if (npub !== undefined) out.print(npub);
      const how = sealed
        ? "sealed with the passphrase"
        : `in clear text: start agentd with ${PASSPHRASE} to seal it`;
      out.talk(`Put the keys into ${path}, ${how}.`);
    });
}

/** A backup as it is to be kept, and the words in it where they are known. */
async function readBackup(
  file: string | undefined,
): Promise<{ readonly text: string; readonly words: string | undefined }> {
  const given = (await backupText(file)).trim();
  const passphrase = process.env[PASSPHRASE] || undefined;
  const keyfile = given.startsWith("{");
  const words = keyfile ? await plainWords(given) : given;
  if (words !== undefined) return { text: await sealKeyfile(words, passphrase), words };
  const text = `${given}\n`;
  return { text, words: passphrase && (await openKeyfile(text, passphrase)) };
}

async function backupText(file: string | undefined): Promise<string> {
  if (file !== undefined && file !== "-") return readKeyFile(resolve(file), "name a backup");
  if (process.stdin.isTTY) return readSecret({ what: "words" });
  return readAll(process.stdin);
}

/** The words in a key file that is not sealed; undefined for one that is. @throws CORRUPT, VERSION */
async function plainWords(text: string): Promise<string | undefined> {
  try {
    return await openKeyfile(text, undefined);
  } catch (error) {
    if (error instanceof OpenAgentsError && error.code === "DENIED") return undefined;
    throw error;
  }
}

function passphrase(twice: boolean = false): Promise<string> {
  return readSecret({ what: "passphrase of the key file", variable: PASSPHRASE, twice });
}

/** @throws NOT_FOUND with `remedy`, DENIED */
function readKeyFile(path: string, remedy: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT") throw new OpenAgentsError("DENIED", `Cannot read key file: ${message}`);
    throw new OpenAgentsError("NOT_FOUND", `Cannot find key file "${path}": ${remedy}`);
  }
}

/** Puts a key file into a data directory that has none; its path. */
function install(dir: string, text: string): string {
  const data = openDataDir(dir);
  try {
    const path = data.file("keys");
    if (existsSync(path)) throw taken(path);
    writeSecret(path, text);
    return path;
  } finally {
    data.release();
  }
}

/** Writes a file that is not there yet, durably, for this user alone. */
function writeNew(path: string, text: string): void {
  try {
    const file = openSync(path, "wx", 0o600);
    try {
      writeSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") throw taken(path);
    throw new OpenAgentsError("DENIED", `Cannot write backup: ${message}`);
  }
}

function taken(path: string): OpenAgentsError {
  return new OpenAgentsError(
    "EXISTS",
    `Cannot write "${path}": it is there, and the keys in it would be lost: move it away, or choose another place`,
  );
}
