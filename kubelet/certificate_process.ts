import { ownProcess } from "../async/own_process.ts";
import type { CertificateSubject } from "./self_signed.ts";
import type { KeyPair } from "./tls_stream.ts";

/**
 * Makes a self-signed certificate in a process of its own: the library would stay in the memory of
 * the agent, where it is needed once a year.
 */
export async function certificateFromProcess(
  subject: CertificateSubject,
): Promise<KeyPair> {
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
  await input.write(new TextEncoder().encode(JSON.stringify(subject)));
  await input.close();
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  if (code === 0) return JSON.parse(decoder.decode(stdout)) as KeyPair;
  throw new Error(
    `Cannot make a certificate for ${subject.name}: ${decoder.decode(stderr)}`,
  );
}

/** Reads a subject from standard input and writes its key pair to standard output. */
export async function makeCertificate(): Promise<void> {
  const { selfSignedCertificate } = await import("./self_signed.ts");
  const subject: CertificateSubject = JSON.parse(
    await new Response(Deno.stdin.readable).text(),
    (key, value) =>
      key === "notBefore" || key === "notAfter" ? new Date(value) : value,
  );
  const text = JSON.stringify(await selfSignedCertificate(subject));
  await new Response(text).body?.pipeTo(Deno.stdout.writable);
}

if (import.meta.main) await makeCertificate();
