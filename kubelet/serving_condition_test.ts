import assert from "node:assert/strict";
import {
  type Asking,
  type Served,
  servingCondition,
} from "./serving_condition.ts";

const now = new Date("2026-01-01T00:00:00Z");
const later = new Date("2027-01-01T00:00:00Z");
const earlier = new Date("2025-01-01T00:00:00Z");
const name = "n1-serving-x";
const signed: Served = { kind: "signed", notAfter: later };
const selfSigned: Served = { kind: "selfSigned" };
const files = (notAfter: Date): Served => ({
  ...{ kind: "files", certificateFile: "/tls.crt", notAfter },
});

const table: readonly [
  claim: string,
  served: Served,
  asking: Asking,
  want: string,
  message: RegExp,
][] = [
  [
    "names the command that approves",
    selfSigned,
    { kind: "pending", name },
    "False CSRPending",
    /self-signed.*kubectl certificate approve n1-serving-x$/,
  ],
  [
    "says that the signer is missing",
    selfSigned,
    { kind: "approved", name },
    "False CSRNotIssued",
    /"n1-serving-x" is approved but not signed/,
  ],
  [
    "repeats why a request was denied",
    selfSigned,
    { kind: "denied", name, why: "KubectlDeny: no" },
    "False CSRDenied",
    /denied \(KubectlDeny: no\)/,
  ],
  [
    "repeats why a request failed",
    selfSigned,
    { kind: "failed", name, why: "SignerValidationFailure" },
    "False CSRFailed",
    /failed \(SignerValidationFailure\)/,
  ],
  [
    "names what gives the permission",
    selfSigned,
    { kind: "forbidden", why: "no" },
    "False CSRForbidden",
    /farlet print rbac/,
  ],
  [
    "repeats why nobody could be asked",
    selfSigned,
    { kind: "unavailable", why: "no route" },
    "False CSRUnavailable",
    /: no route$/,
  ],
  [
    "names the settings when nobody is asked",
    selfSigned,
    { kind: "off" },
    "False SelfSigned",
    /serverTLSBootstrap/,
  ],
  [
    "is true with a signed certificate",
    signed,
    { kind: "idle" },
    "True Signed",
    /valid until 2027-01-01T00:00:00Z$/,
  ],
  [
    "stays true while the next certificate waits, and says for what",
    signed,
    { kind: "pending", name },
    "True Signed",
    /valid until 2027.*kubectl certificate approve n1-serving-x$/,
  ],
  [
    "is true with files",
    files(later),
    { kind: "idle" },
    "True CertificateFile",
    /"\/tls\.crt" is valid until 2027/,
  ],
  [
    "is false with expired files",
    files(earlier),
    { kind: "idle" },
    "False CertificateExpired",
    /"\/tls\.crt" is valid until 2025.*replace the file/,
  ],
];

for (const [claim, served, asking, want, pattern] of table) {
  Deno.test(`servingCondition() ${claim}`, () => {
    const condition = servingCondition(served, asking, now);
    const { type, status, reason, message } = condition;
    assert.equal(type, "ServingCertificateTrusted");
    assert.equal(`${status} ${reason}`, want);
    assert.match(message, pattern);
  });
}
