import type { AbortOptions } from "../async/abort.ts";
import { apiPath } from "../k8s/paths.ts";
import type { ObjectMeta } from "../k8s/types.ts";
import type { KubeApi } from "./context.ts";

/** Which CertificateSigningRequest is ours. */
export interface SigningRequestName {
  readonly name: string;
  readonly uid: string;
}

/** What has become of a CertificateSigningRequest. */
export type SigningState =
  | { readonly kind: "pending"; readonly createdAt: Date }
  /** Approved, but without a certificate yet. */
  | { readonly kind: "approved"; readonly createdAt: Date }
  /** The certificate, PEM, perhaps with its chain. */
  | { readonly kind: "issued"; readonly certificate: string }
  | { readonly kind: "denied" | "failed"; readonly why: string }
  /** Deleted; the cluster does that after an hour, or after a day without an answer. */
  | { readonly kind: "gone" };

interface CertificateSigningRequest {
  readonly metadata?: ObjectMeta;
  readonly status?: {
    /** Base64 of PEM. */
    readonly certificate?: string;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason?: string;
      readonly message?: string;
    }[];
  };
}

const apiVersion = "certificates.k8s.io/v1";
const resource = "certificatesigningrequests";
/** The API server cuts longer prefixes; the rest of the name is its own. */
const maxPrefix = 58;

/** Asks the signer of serving certificates for one; the request is PEM. */
export async function createSigningRequest(
  api: KubeApi,
  { nodeName, request }: {
    readonly nodeName: string;
    readonly request: string;
  },
  options: AbortOptions,
): Promise<SigningRequestName> {
  const suffix = "-serving-";
  const prefix = nodeName.slice(0, maxPrefix - suffix.length);
  const { metadata } = await api.create<CertificateSigningRequest>(
    apiPath(apiVersion, resource),
    {
      apiVersion,
      kind: "CertificateSigningRequest",
      metadata: { generateName: `${prefix}${suffix}` },
      spec: {
        request: btoa(request),
        signerName: "kubernetes.io/kubelet-serving",
        // Those of an ECDSA key: the signer refuses any others.
        usages: ["digital signature", "server auth"],
      },
    },
    options,
  );
  const { name, uid } = metadata ?? {};
  if (name === undefined || uid === undefined) {
    throw new Error("Cannot ask for a certificate: the answer has no name");
  }
  return { name, uid };
}

/** Reads what has become of a request. */
export async function signingState(
  api: KubeApi,
  { name, uid }: SigningRequestName,
  options: AbortOptions,
): Promise<SigningState> {
  const path = apiPath(apiVersion, resource, { name });
  const found = await api.get<CertificateSigningRequest>(path, options);
  if (found === undefined || found.metadata?.uid !== uid) {
    return { kind: "gone" };
  }
  const { certificate, conditions = [] } = found.status ?? {};
  const stands = (wanted: string) =>
    conditions.find(({ type, status }) =>
      type === wanted && status !== "False"
    );
  const denied = stands("Denied");
  const refused = denied ?? stands("Failed");
  if (refused !== undefined) {
    const { reason = "", message = "" } = refused;
    const why = [reason, message].filter((text) => text !== "").join(": ");
    return { kind: denied === undefined ? "failed" : "denied", why };
  }
  if (certificate) return { kind: "issued", certificate: atob(certificate) };
  const createdAt = new Date(found.metadata.creationTimestamp ?? Date.now());
  return { kind: stands("Approved") ? "approved" : "pending", createdAt };
}
