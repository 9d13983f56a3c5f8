import assert from "node:assert/strict";
import { hostsFile } from "./hosts_file.ts";

const own = { network: "pod", hostname: "web-0", hostAliases: [] } as const;
const hostFile = "127.0.0.1 localhost\n10.0.0.7 pi\n";
const head = `# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
`;

Deno.test("hostsFile() names the pod at each of its addresses", () => {
  const ips = ["10.88.0.5", "fd00::5"];
  assert.equal(
    hostsFile(own, { ips, hostFile }),
    `${head}10.88.0.5\tweb-0\nfd00::5\tweb-0\n`,
  );
});

Deno.test("hostsFile() has the full name of a pod with a subdomain first", () => {
  const fullHostname = "web-0.web.default.svc.cluster.local";
  assert.equal(
    hostsFile({ ...own, fullHostname }, { ips: ["10.88.0.5"], hostFile }),
    `${head}10.88.0.5\tweb-0.web.default.svc.cluster.local\tweb-0\n`,
  );
});

Deno.test("hostsFile() has the aliases of each address in one line", () => {
  const hostAliases = [
    { ip: "127.0.0.1", hostnames: ["foo.local", "bar.local"] },
    { ip: "10.1.2.3", hostnames: ["foo.remote"] },
  ];
  assert.equal(
    hostsFile({ ...own, hostAliases }, { ips: ["10.88.0.5"], hostFile }),
    `${head}10.88.0.5\tweb-0

# Entries added by HostAliases.
127.0.0.1\tfoo.local\tbar.local
10.1.2.3\tfoo.remote
`,
  );
});

Deno.test("hostsFile() is the host's own for a pod with its network", () => {
  const hostAliases = [{ ip: "10.1.2.3", hostnames: ["foo"] }];
  assert.equal(
    hostsFile({ ...own, network: "host", hostAliases }, { ips: [], hostFile }),
    `# Kubernetes-managed hosts file (host network).
127.0.0.1 localhost
10.0.0.7 pi

# Entries added by HostAliases.
10.1.2.3\tfoo
`,
  );
});
