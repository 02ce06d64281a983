import { existsSync, readFileSync } from "node:fs";
import { OpenAgentsError } from "../../core/errors.ts";
import { openKeyfile, sealKeyfile } from "../../identity/keyfile.ts";
import { newMnemonic } from "../../identity/nip06.ts";
import { writeSecret } from "./data-dir.ts";

export interface MasterKeyOptions {
  readonly passphrase: string | undefined;
  /** Make one where there is none. */
  readonly create: boolean;
}

/**
 * The master mnemonic of a data directory; undefined for a sealed one when there is no passphrase. A
 * plain file is sealed when there is one.
 * @throws DENIED for a wrong passphrase; CORRUPT for a damaged file; NOT_FOUND
 */
export async function loadMasterKey(
  path: string,
  options: MasterKeyOptions,
): Promise<string | undefined> {
  const { passphrase, create } = options;
  if (!existsSync(path)) {
    if (!create) {
      throw new OpenAgentsError(
        "NOT_FOUND",
        `Cannot find key file "${path}", but the store has agents whose keys come from it: restore it with "agentctl keys restore"`,
      );
    }
    const mnemonic = newMnemonic();
    write(path, await sealKeyfile(mnemonic, passphrase));
    return mnemonic;
  }
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw refuse(path, "DENIED", error);
  }
  const plain = await openPlain(path, text);
  if (plain !== undefined) {
    if (passphrase !== undefined) write(path, await sealKeyfile(plain, passphrase));
    return plain;
  }
  if (passphrase === undefined) return undefined;
  try {
    return await openKeyfile(text, passphrase);
  } catch (error) {
    throw refuse(path, "DENIED", error);
  }
}

/** @throws DENIED when it cannot be written */
function write(path: string, text: string): void {
  try {
    writeSecret(path, text);
  } catch (cause) {
    throw new OpenAgentsError(
      "DENIED",
      `Cannot write key file "${path}": ${(cause as Error).message}: make its directory writable for this user`,
      { cause },
    );
  }
}

/** The mnemonic of a file that is not sealed; undefined for one that is. */
async function openPlain(path: string, text: string): Promise<string | undefined> {
  try {
    return await openKeyfile(text, undefined);
  } catch (error) {
    if (error instanceof OpenAgentsError && error.code === "DENIED") return undefined;
    throw refuse(path, "CORRUPT", error);
  }
}

const REMEDY: Readonly<Record<string, string>> = {
  DENIED: "give the one that it was sealed with",
  CORRUPT: 'move it away and put a backup in its place with "agentctl keys restore"',
  VERSION: "use the newer release that wrote it",
};

function refuse(path: string, code: "DENIED" | "CORRUPT", cause: unknown): OpenAgentsError {
  const known = cause instanceof OpenAgentsError ? cause.code : code;
  const system = (cause as NodeJS.ErrnoException).syscall !== undefined;
  const remedy = system ? "make it readable for this user" : REMEDY[known];
  const why = (cause as Error).message.replace(/^Cannot open keyfile: /, "");
  return new OpenAgentsError(known, `Cannot open key file "${path}": ${why}: ${remedy}`, { cause });
}
