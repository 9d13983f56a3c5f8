/** The interfaces of the package `wasi:random`; the insecure ones are as good as the other. */
export function randomInterfaces() {
  return {
    "wasi:random/random": {
      getRandomBytes: randomBytes,
      getRandomU64: randomNumber,
    },
    "wasi:random/insecure": {
      getInsecureRandomBytes: randomBytes,
      getInsecureRandomU64: randomNumber,
    },
    "wasi:random/insecure-seed": {
      insecureSeed: () => [randomNumber(), randomNumber()],
    },
  };
}

function randomBytes(length: bigint): Uint8Array {
  if (length > mostRandom) throw new RangeError("too many random bytes");
  const bytes = new Uint8Array(Number(length));
  for (let at = 0; at < bytes.length; at += maxRandom) {
    crypto.getRandomValues(bytes.subarray(at, at + maxRandom));
  }
  return bytes;
}

function randomNumber(): bigint {
  return new DataView(randomBytes(8n).buffer).getBigUint64(0);
}

/** Made before the guest has room for them. */
const mostRandom = 64n * 1024n * 1024n;

/** What `crypto.getRandomValues` gives at once, by the Web Crypto specification. */
const maxRandom = 65536;
