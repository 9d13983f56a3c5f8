import { join } from "node:path";
import type { AbortOptions } from "../async/abort.ts";
import { writePrivateFile } from "../async/private_file.ts";
import { requestFromProcess } from "./certificate_process.ts";
import type { KubeApi } from "./context.ts";
import { readIfThere } from "./kept_key_pair.ts";
import type { CertificateNames } from "./self_signed.ts";
import {
  createSigningRequest,
  type SigningRequestName,
} from "./signing_request.ts";

/** A CertificateSigningRequest that was made, and the key that it is for. */
export interface OpenRequest extends SigningRequestName {
  readonly privateKey: string;
}

/** For whom {@linkcode PendingRequest.open} asks. */
export interface WantedCertificate extends AbortOptions {
  readonly nodeName: string;
  readonly names: CertificateNames;
}

const file =
  /^Subject: (.*)\nName: (\S+)\nUID: (\S+)\n(-----BEGIN PRIVATE KEY-----[^]*?-----END PRIVATE KEY-----)\s*$/;

/**
 * The one request that waits for an answer, kept in the state directory: an agent that was started
 * again waits on instead of asking a second time.
 */
export class PendingRequest {
  readonly #file: string;

  constructor(stateDirectory: string) {
    this.#file = join(stateDirectory, "kubelet-serving-request.pem");
  }

  /** The kept request if it is for the same names, else a new one with a new key. */
  async open(
    api: KubeApi,
    { nodeName, names, signal }: WantedCertificate,
  ): Promise<OpenRequest> {
    const subject = JSON.stringify(names);
    const [, keptSubject, name, uid, privateKey] =
      file.exec(await readIfThere(this.#file)) ?? [];
    if (
      keptSubject === subject && name !== undefined && uid !== undefined &&
      privateKey !== undefined
    ) return { name, uid, privateKey };
    const made = await requestFromProcess(names);
    const created = await createSigningRequest(
      api,
      { nodeName, request: made.request },
      { signal },
    );
    const text = [
      `Subject: ${subject}`,
      `Name: ${created.name}`,
      `UID: ${created.uid}`,
      made.privateKey,
      "",
    ].join("\n");
    await Deno.mkdir(join(this.#file, ".."), { recursive: true, mode: 0o700 });
    await writePrivateFile(this.#file, text);
    return { ...created, privateKey: made.privateKey };
  }

  /** Forgets the request; the next one is new. The cluster removes the object by itself. */
  async forget(): Promise<void> {
    await Deno.remove(this.#file).catch((error: unknown) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
  }
}
