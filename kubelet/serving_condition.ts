/** What the kubelet API shows to its clients. */
export type Served =
  | { readonly kind: "selfSigned" }
  | { readonly kind: "signed"; readonly notAfter: Date }
  /** Files of the operator. */
  | {
    readonly kind: "files";
    readonly certificateFile: string;
    readonly notAfter: Date;
  };

/** How it goes with the CertificateSigningRequest for the next certificate. */
export type Asking =
  /** None is wanted, as configured. */
  | { readonly kind: "off" }
  /** Nothing to report: not started, or done. */
  | { readonly kind: "idle" }
  | { readonly kind: "pending"; readonly name: string }
  /** Somebody approved, nobody has signed. */
  | { readonly kind: "approved"; readonly name: string }
  | {
    readonly kind: "denied";
    readonly name: string;
    /** The words of who denied it. */
    readonly why: string;
  }
  /** The signer refused, or what came cannot be used. */
  | { readonly kind: "failed"; readonly name: string; readonly why: string }
  /** The credentials do not allow it. */
  | { readonly kind: "forbidden"; readonly why: string }
  | { readonly kind: "unavailable"; readonly why: string };

/** A condition of the Node: whether clients that verify the kubelet API's certificate can. */
export interface ServingCondition {
  readonly type: "ServingCertificateTrusted";
  readonly status: "True" | "False";
  readonly reason: string;
  readonly message: string;
}

/** The condition as of `now`; its message names the remedy where there is one. */
export function servingCondition(
  served: Served,
  asking: Asking,
  now: Date,
): ServingCondition {
  const type = "ServingCertificateTrusted";
  switch (served.kind) {
    case "files": {
      const { certificateFile, notAfter } = served;
      const until = `"${certificateFile}" is valid until ${day(notAfter)}`;
      const expired = notAfter <= now;
      const status = expired ? "False" : "True";
      const reason = expired ? "CertificateExpired" : "CertificateFile";
      const message = expired
        ? `The kubelet API's certificate ${until}: replace the file`
        : `The kubelet API's certificate ${until}`;
      return { type, status, reason, message };
    }
    case "signed": {
      const { message } = remedy(asking);
      const until = "The kubelet API shows a certificate of the signer " +
        `kubernetes.io/kubelet-serving, valid until ${day(served.notAfter)}`;
      return {
        ...{ type, status: "True", reason: "Signed" },
        message: message === ""
          ? until
          : `${until}; for the next one, ${message}`,
      };
    }
    case "selfSigned": {
      const { reason, message } = remedy(asking);
      const what = "The kubelet API shows a self-signed certificate";
      return {
        ...{ type, status: "False", reason },
        message: message === "" ? what : `${what}: ${message}`,
      };
    }
  }
}

function remedy(
  asking: Asking,
): { readonly reason: string; readonly message: string } {
  switch (asking.kind) {
    case "off":
      return {
        reason: "SelfSigned",
        message:
          "set kubelet.serverTLSBootstrap, or tlsCertFile and tlsKeyFile",
      };
    case "idle":
      return { reason: "SelfSigned", message: "" };
    case "pending": {
      const { name } = asking;
      return {
        reason: "CSRPending",
        message: `CertificateSigningRequest "${name}" waits for approval: ` +
          `kubectl certificate approve ${name}`,
      };
    }
    case "approved":
      return {
        reason: "CSRNotIssued",
        message: `CertificateSigningRequest "${asking.name}" is approved but ` +
          "not signed: does kube-controller-manager have a signing certificate?",
      };
    case "denied":
      return {
        reason: "CSRDenied",
        message: `CertificateSigningRequest "${asking.name}" was denied ` +
          `(${asking.why}); another one follows`,
      };
    case "failed":
      return {
        reason: "CSRFailed",
        message: `CertificateSigningRequest "${asking.name}" failed ` +
          `(${asking.why}); another one follows`,
      };
    case "forbidden":
      return {
        reason: "CSRForbidden",
        message: `${asking.why}; apply the output of "farlet print rbac", or ` +
          "set kubelet.serverTLSBootstrap to false",
      };
    case "unavailable":
      return { reason: "CSRUnavailable", message: asking.why };
  }
}

function day(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, "Z");
}
