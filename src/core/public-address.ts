/** Names of hosts that are somebody's own: RFC 6761, 6762, 8375, 9476 and what routers use. */
const INNER =
  /(?:^|\.)(?:localhost|local|localdomain|internal|intranet|lan|home|corp|private|test|invalid|example|alt|onion|home\.arpa)$/;

/** IPv4 networks that are not of the public internet (RFC 6890), as first and length of prefix. */
const INNER_V4: readonly (readonly [string, number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
];

/**
 * True for the host of a URL, as `URL.hostname` has it, that may be of the public internet: an address that
 * is, or a name that is nobody's own. A name may still stand for another address: whoever connects looks
 * at that with `isPublicAddress`.
 */
export function isPublicHost(hostname: string): boolean {
  const host = hostname.toLowerCase().replace(/\.$/, "");
  if (host.startsWith("[")) return isPublicAddress(host.slice(1, -1));
  if (/^[\d.]+$/.test(host)) return isPublicAddress(host);
  return host.includes(".") && !INNER.test(host);
}

/** True for an IP address, as text, of the public internet; false for what is none. */
export function isPublicAddress(address: string): boolean {
  if (!address.includes(":")) {
    const number = v4(address);
    return number !== undefined && !INNER_V4.some(([first, size]) => within(number, first, size));
  }
  const groups = v6(address);
  if (groups === undefined) return false;
  const [first, second] = groups;
  // Global unicast (RFC 4291) without what is set apart in it: 2001::/23, documentation, 6to4.
  if (first < 0x20_00 || first > 0x3f_ff) return false;
  if (first === 0x20_01) return second >= 0x02_00 && second !== 0x0d_b8;
  return first !== 0x20_02 && !(first === 0x3f_ff && second < 0x10_00);
}

function v4(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) {
    return undefined;
  }
  return parts.reduce((number, part) => number * 256 + Number(part), 0);
}

function within(number: number, first: string, size: number): boolean {
  const length = 2 ** (32 - size);
  return Math.floor(number / length) === Math.floor(v4(first)! / length);
}

/** The first two of its groups, which is what is looked at. */
function v6(text: string): readonly [number, number] | undefined {
  const [plain = ""] = text.split("%");
  if (!URL.canParse(`http://[${plain}]/`)) return undefined;
  const written = new URL(`http://[${plain}]/`).hostname.slice(1, -1);
  const [head = ""] = written.split("::");
  const [first = "0", second = "0"] = head.split(":").filter((group) => group !== "");
  return [Number.parseInt(first, 16), Number.parseInt(second, 16)];
}
