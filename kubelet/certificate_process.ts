import { ownProcess } from "../async/own_process.ts";
import type { CertificateRequest } from "./certificate_request.ts";
import type { CertificateNames, CertificateSubject } from "./self_signed.ts";
import type { KeyPair } from "./tls_stream.ts";

type Task =
  | { readonly kind: "certificate"; readonly subject: CertificateSubject }
  | { readonly kind: "request"; readonly subject: CertificateNames };

/**
 * Makes a self-signed certificate in a process of its own: the library would stay in the memory of
 * the agent, where it is needed once a year.
 */
export async function certificateFromProcess(
  subject: CertificateSubject,
): Promise<KeyPair> {
  return await perform({ kind: "certificate", subject }) as KeyPair;
}

/** Makes a key and a request for a certificate in a process of its own, for the same reason. */
export async function requestFromProcess(
  subject: CertificateNames,
): Promise<CertificateRequest> {
  return await perform({ kind: "request", subject }) as CertificateRequest;
}

async function perform(task: Task): Promise<unknown> {
  const [program = "", ...args] = ownProcess({
    module: new URL("./certificate_process.ts", import.meta.url),
    argument: "__make-certificate",
  });
  const command = new Deno.Command(program, {
    args,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
  await using child = command.spawn();
  const input = child.stdin.getWriter();
  await input.write(new TextEncoder().encode(JSON.stringify(task)));
  await input.close();
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  if (code === 0) return JSON.parse(decoder.decode(stdout));
  throw new Error(
    `Cannot make a ${task.kind} for ${task.subject.name}: ${
      decoder.decode(stderr)
    }`,
  );
}

/** Reads a task from standard input and writes what it has made to standard output. */
export async function makeCertificate(): Promise<void> {
  const task: Task = JSON.parse(
    await new Response(Deno.stdin.readable).text(),
    (key, value) =>
      key === "notBefore" || key === "notAfter" ? new Date(value) : value,
  );
  const text = JSON.stringify(await made(task));
  await new Response(text).body?.pipeTo(Deno.stdout.writable);
}

async function made(task: Task): Promise<KeyPair | CertificateRequest> {
  switch (task.kind) {
    case "certificate": {
      const { selfSignedCertificate } = await import("./self_signed.ts");
      return await selfSignedCertificate(task.subject);
    }
    case "request": {
      const { certificateRequest } = await import("./certificate_request.ts");
      return await certificateRequest(task.subject);
    }
  }
}

if (import.meta.main) await makeCertificate();
