import { join } from "node:path";

/** Who speaks with the API server by a client certificate, and as whom. */
const identities: Readonly<Record<string, string>> = {
  "kubelet-client": "/O=system:masters/CN=kube-apiserver-kubelet-client",
  "admin": "/O=system:masters/CN=admin",
  "kcm": "/CN=system:kube-controller-manager",
  "scheduler": "/CN=system:kube-scheduler",
};

const newKey = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";

/** Writes `pki/` with a CA and what it has signed, and a kubeconfig for each who needs one. */
export async function writePki(
  dir: string,
  { server, addresses }: {
    readonly server: string;
    /** IP addresses at which the API server is reached. */
    readonly addresses: readonly string[];
  },
): Promise<void> {
  const pki = join(dir, "pki");
  await Deno.mkdir(pki, { recursive: true });
  await openssl(
    pki,
    `req -x509 ${newKey} -keyout ca.key -out ca.crt -subj /CN=test-ca`,
  );
  await openssl(pki, "genrsa -out sa.key 2048");
  await openssl(pki, "rsa -in sa.key -pubout -out sa.pub");
  const names = [
    ...addresses.map((address) => `IP:${address}`),
    "DNS:localhost",
    "DNS:kubernetes.default.svc",
  ].join();
  await sign(pki, "apiserver", "/CN=kube-apiserver", [
    "-addext",
    `subjectAltName=${names}`,
  ]);
  for (const [name, subject] of Object.entries(identities)) {
    await sign(pki, name, subject);
  }
  for (const name of ["admin", "kcm", "scheduler"]) {
    await writeKubeconfig(dir, name, server);
  }
}

async function sign(
  pki: string,
  name: string,
  subject: string,
  more: readonly string[] = [],
): Promise<void> {
  await openssl(
    pki,
    `req -x509 -CA ca.crt -CAkey ca.key ${newKey} -keyout ${name}.key -out ${name}.crt`,
    [
      ...["-subj", subject, "-addext", "basicConstraints=CA:FALSE"],
      ...["-addext", "extendedKeyUsage=serverAuth,clientAuth", ...more],
    ],
  );
}

async function openssl(
  cwd: string,
  words: string,
  more: readonly string[] = [],
): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", {
    args: [...words.split(" "), ...more],
    cwd,
  }).output();
  if (success) return;
  const why = new TextDecoder().decode(stderr);
  throw new Error(`Cannot run openssl ${words}: ${why}`);
}

async function writeKubeconfig(
  dir: string,
  name: string,
  server: string,
): Promise<void> {
  const base64 = async (file: string) =>
    btoa(await Deno.readTextFile(join(dir, "pki", file)));
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{
      name: "c",
      cluster: {
        server,
        "certificate-authority-data": await base64("ca.crt"),
      },
    }],
    users: [{
      name: "u",
      user: {
        "client-certificate-data": await base64(`${name}.crt`),
        "client-key-data": await base64(`${name}.key`),
      },
    }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    "current-context": "x",
  };
  // JSON is YAML.
  await Deno.writeTextFile(
    join(dir, `${name}.kubeconfig`),
    JSON.stringify(config, null, 1),
    { mode: 0o600 },
  );
}
