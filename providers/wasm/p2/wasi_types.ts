// Types that functions of WASI 0.2 share, as `functionText()` writes them.

export const datetime = "record{seconds:u64,nanoseconds:u32}";

export const fileError = `enum{${[
  "access",
  "would-block",
  "already",
  "bad-descriptor",
  "busy",
  "deadlock",
  "quota",
  "exist",
  "file-too-large",
  "illegal-byte-sequence",
  "in-progress",
  "interrupted",
  "invalid",
  "io",
  "is-directory",
  "loop",
  "too-many-links",
  "message-size",
  "name-too-long",
  "no-device",
  "no-entry",
  "no-lock",
  "insufficient-memory",
  "insufficient-space",
  "not-directory",
  "not-empty",
  "not-recoverable",
  "unsupported",
  "no-tty",
  "no-such-device",
  "overflow",
  "not-permitted",
  "pipe",
  "read-only",
  "invalid-seek",
  "text-file-busy",
  "cross-device",
]}}`;

export const fileType = `enum{${[
  "unknown",
  "block-device",
  "character-device",
  "directory",
  "fifo",
  "symbolic-link",
  "regular-file",
  "socket",
]}}`;

export const descriptorFlags = `flags{${[
  "read",
  "write",
  "file-integrity-sync",
  "data-integrity-sync",
  "requested-write-sync",
  "mutate-directory",
]}}`;

export const timestamp = `variant{no-change:_,now:_,timestamp:${datetime}}`;

export const stat =
  `record{type:${fileType},link-count:u64,size:u64,data-access-timestamp:option<${datetime}>,data-modification-timestamp:option<${datetime}>,status-change-timestamp:option<${datetime}>}`;

export const streamError = `variant{${[
  "last-operation-failed:own<wasi:io/error#error>",
  "closed:_",
]}}`;

export const socketError = `enum{${[
  "unknown",
  "access-denied",
  "not-supported",
  "invalid-argument",
  "out-of-memory",
  "timeout",
  "concurrency-conflict",
  "not-in-progress",
  "would-block",
  "invalid-state",
  "new-socket-limit",
  "address-not-bindable",
  "address-in-use",
  "remote-unreachable",
  "connection-refused",
  "connection-reset",
  "connection-aborted",
  "datagram-too-large",
  "name-unresolvable",
  "temporary-resolver-failure",
  "permanent-resolver-failure",
]}}`;

export const family = "enum{ipv4,ipv6}";

export const socketAddress = `variant{${[
  "ipv4:record{port:u16,address:tuple<u8,u8,u8,u8>}",
  "ipv6:record{port:u16,flow-info:u32,address:tuple<u16,u16,u16,u16,u16,u16,u16,u16>,scope-id:u32}",
]}}`;

export const ipAddress = `variant{${[
  "ipv4:tuple<u8,u8,u8,u8>",
  "ipv6:tuple<u16,u16,u16,u16,u16,u16,u16,u16>",
]}}`;

export const method = `variant{${[
  "get:_",
  "head:_",
  "post:_",
  "put:_",
  "delete:_",
  "connect:_",
  "options:_",
  "trace:_",
  "patch:_",
  "other:string",
]}}`;

export const scheme = "variant{HTTP:_,HTTPS:_,other:string}";

export const headerError = "variant{invalid-syntax:_,forbidden:_,immutable:_}";

const fieldSize = "record{field-name:option<string>,field-size:option<u32>}";

export const httpError = `variant{${[
  "DNS-timeout:_",
  "DNS-error:record{rcode:option<string>,info-code:option<u16>}",
  "destination-not-found:_",
  "destination-unavailable:_",
  "destination-IP-prohibited:_",
  "destination-IP-unroutable:_",
  "connection-refused:_",
  "connection-terminated:_",
  "connection-timeout:_",
  "connection-read-timeout:_",
  "connection-write-timeout:_",
  "connection-limit-reached:_",
  "TLS-protocol-error:_",
  "TLS-certificate-error:_",
  "TLS-alert-received:record{alert-id:option<u8>,alert-message:option<string>}",
  "HTTP-request-denied:_",
  "HTTP-request-length-required:_",
  "HTTP-request-body-size:option<u64>",
  "HTTP-request-method-invalid:_",
  "HTTP-request-URI-invalid:_",
  "HTTP-request-URI-too-long:_",
  "HTTP-request-header-section-size:option<u32>",
  `HTTP-request-header-size:option<${fieldSize}>`,
  "HTTP-request-trailer-section-size:option<u32>",
  `HTTP-request-trailer-size:${fieldSize}`,
  "HTTP-response-incomplete:_",
  "HTTP-response-header-section-size:option<u32>",
  `HTTP-response-header-size:${fieldSize}`,
  "HTTP-response-body-size:option<u64>",
  "HTTP-response-trailer-section-size:option<u32>",
  `HTTP-response-trailer-size:${fieldSize}`,
  "HTTP-response-transfer-coding:option<string>",
  "HTTP-response-content-coding:option<string>",
  "HTTP-response-timeout:_",
  "HTTP-upgrade-failed:_",
  "HTTP-protocol-error:_",
  "loop-detected:_",
  "configuration-error:_",
  "internal-error:option<string>",
]}}`;
