import type { AbortOptions } from "../async/abort.ts";
import { delay } from "../async/delay.ts";
import { getLogger } from "../async/log.ts";
import type {
  AdoptCertificate,
  CertificateSource,
} from "./certificate_source.ts";
import { keyPairValidity } from "./kept_key_pair.ts";
import { readKeyPair } from "./serving_certificate.ts";
import { ServingStatus } from "./serving_status.ts";
import type { KeyPair } from "./tls_stream.ts";

/** Options of {@linkcode CertificateFiles}. */
export interface CertificateFilesOptions {
  /** The certificate with its chain, PEM. */
  readonly certificateFile: string;
  readonly privateKeyFile: string;
  /** How often the files are read; a minute by default. */
  readonly pollMs?: number;
}

const log = getLogger("kubelet");

/** The operator's own certificate, read again when its files change. */
export class CertificateFiles implements CertificateSource {
  readonly #options: CertificateFilesOptions;
  readonly initial: KeyPair;
  readonly status: ServingStatus;

  private constructor(options: CertificateFilesOptions, initial: KeyPair) {
    this.#options = options;
    this.initial = initial;
    this.status = new ServingStatus(served(options, initial), { kind: "idle" });
  }

  /** Reads the files; rejects when there is no usable certificate with its key in them. */
  static async open(
    options: CertificateFilesOptions,
  ): Promise<CertificateFiles> {
    const { certificateFile, privateKeyFile } = options;
    const pair = await readKeyPair(certificateFile, privateKeyFile);
    try {
      return new CertificateFiles(options, pair);
    } catch (cause) {
      throw new Error(
        `Cannot use "${certificateFile}" with "${privateKeyFile}"`,
        { cause },
      );
    }
  }

  async run(
    adopt: AdoptCertificate,
    { signal }: AbortOptions,
  ): Promise<void> {
    const { certificateFile, privateKeyFile, pollMs = 60_000 } = this.#options;
    let last: KeyPair | undefined = this.initial;
    let told = "";
    for (;;) {
      await delay(pollMs, { signal });
      try {
        const pair = await readKeyPair(certificateFile, privateKeyFile);
        if (isSame(pair, last)) continue;
        const next = served(this.#options, pair);
        await adopt(pair);
        last = pair;
        told = "";
        this.status.update({ served: next });
        log.info("Serving the certificate of changed files", { ...next });
      } catch (error) {
        signal.throwIfAborted();
        // Once, not each minute; the two files may also be in the middle of a change.
        if (String(error) === told) continue;
        told = String(error);
        log.warn("Cannot use the changed certificate; the last one stays", {
          error,
        });
      }
    }
  }
}

function served(
  { certificateFile }: CertificateFilesOptions,
  pair: KeyPair,
) {
  const { notAfter } = keyPairValidity(pair);
  return { kind: "files", certificateFile, notAfter } as const;
}

function isSame(a: KeyPair, b: KeyPair): boolean {
  return a.certificate === b.certificate && a.privateKey === b.privateKey;
}
