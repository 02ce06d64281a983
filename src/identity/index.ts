export { derivedSigner } from "./derived-signer.ts";
export { openKeyfile, sealKeyfile } from "./keyfile.ts";
export { checkMnemonic, newMnemonic } from "./nip06.ts";
export { decodeNpub, decodeNsec, encodeNpub, encodeNsec } from "./nip19.ts";
