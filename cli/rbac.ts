/** For whom the permissions are, and on which node. */
export interface RbacOptions {
  /** The namespace of the service account `farlet`. */
  readonly namespace: string;
  /** Only this Node and its Lease may be changed; any Node, if undefined. */
  readonly nodeName?: string;
}

/**
 * The manifest, as YAML, of a service account that may do what `farlet serve` does and no more.
 *
 * ConfigMaps and Secrets can be read in every namespace, as pods of any namespace may come to the
 * node; the agent reads only those that its pods refer to.
 */
export function rbacManifest({ namespace, nodeName }: RbacOptions): string {
  // Kubernetes cannot restrict "create" to a name.
  const one = nodeName === undefined
    ? ""
    : `\n    resourceNames: [${JSON.stringify(nodeName)}]`;
  return `# The least that "farlet serve" needs. Apply with kubectl apply -f -
apiVersion: v1
kind: Namespace
metadata:
  name: ${namespace}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: farlet
  namespace: ${namespace}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: farlet
rules:
  # Its own Node.
  - apiGroups: [""]
    resources: [nodes]
    verbs: [create]
  - apiGroups: [""]
    resources: [nodes]${one}
    verbs: [get, list, watch, patch]
  - apiGroups: [""]
    resources: [nodes/status]${one}
    verbs: [patch]
  # The pods bound to it, and what they refer to.
  - apiGroups: [""]
    resources: [pods]
    verbs: [get, list, watch, delete]
  - apiGroups: [""]
    resources: [pods/status]
    verbs: [patch]
  - apiGroups: [""]
    resources: [configmaps, secrets]
    verbs: [get, list, watch]
  - apiGroups: [""]
    resources: [services]
    verbs: [list, watch]
  - apiGroups: [node.k8s.io]
    resources: [runtimeclasses]
    verbs: [get]
  - apiGroups: [""]
    resources: [serviceaccounts/token]
    verbs: [create]
  - apiGroups: [""]
    resources: [events]
    verbs: [create, patch]
  # Who calls its kubelet API, and whether they may.
  - apiGroups: [authentication.k8s.io]
    resources: [tokenreviews]
    verbs: [create]
  - apiGroups: [authorization.k8s.io]
    resources: [subjectaccessreviews]
    verbs: [create]
  # A certificate for its kubelet API. Whoever approves it decides, not this rule;
  # the API server makes up its name, and a request holds no secrets.
  - apiGroups: [certificates.k8s.io]
    resources: [certificatesigningrequests]
    verbs: [create, get]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: farlet
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: farlet
subjects:
  - kind: ServiceAccount
    name: farlet
    namespace: ${namespace}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: farlet
  namespace: kube-node-lease
rules:
  - apiGroups: [coordination.k8s.io]
    resources: [leases]
    verbs: [create]
  - apiGroups: [coordination.k8s.io]
    resources: [leases]${one}
    verbs: [get, update]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: farlet
  namespace: kube-node-lease
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: farlet
subjects:
  - kind: ServiceAccount
    name: farlet
    namespace: ${namespace}
---
# The CA that signs the API server's client certificate.
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: farlet
  namespace: kube-system
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: extension-apiserver-authentication-reader
subjects:
  - kind: ServiceAccount
    name: farlet
    namespace: ${namespace}
`;
}
