import { functionText } from "./type_text.ts";
import type { ComponentFunction } from "./value_types.ts";
import {
  datetime,
  descriptorFlags,
  family,
  fileError,
  fileType,
  headerError,
  httpError,
  ipAddress,
  method,
  scheme,
  socketAddress,
  socketError,
  stat,
  streamError,
  timestamp,
} from "./wasi_types.ts";

/**
 * Whether WASI 0.2 has such a function, with just these types. No other may be called: the host's
 * objects can do more than a guest may, and take what it declares for what it is.
 */
export function isWasiFunction(
  { from, name, type }: Extract<ComponentFunction, { readonly kind: "host" }>,
): boolean {
  return functions().has(`${from}#${name}${functionText(type)}`);
}

let known: ReadonlySet<string> | undefined;

function functions(): ReadonlySet<string> {
  return known ??= new Set(
    Object.entries(interfaces()).flatMap(([from, names]) =>
      names.map((each) => `${from}#${each}`)
    ),
  );
}

/** As `wasm-tools component embed --dummy` has them of the WIT of WASI 0.2.12; parameters have no names. */
function interfaces(): Readonly<Record<string, readonly string[]>> {
  return {
    "wasi:cli/exit": [
      "exit(result<_,_>)",
      "exit-with-code(u8)",
    ],
    "wasi:io/poll": [
      "[method]pollable.ready(borrow<wasi:io/poll#pollable>)->bool",
      "[method]pollable.block(borrow<wasi:io/poll#pollable>)",
      "poll(list<borrow<wasi:io/poll#pollable>>)->list<u32>",
    ],
    "wasi:io/streams": [
      "[method]input-stream.subscribe(borrow<wasi:io/streams#input-stream>)->own<wasi:io/poll#pollable>",
      "[method]output-stream.subscribe(borrow<wasi:io/streams#output-stream>)->own<wasi:io/poll#pollable>",
      `[method]input-stream.read(borrow<wasi:io/streams#input-stream>,u64)->result<list<u8>,${streamError}>`,
      `[method]input-stream.blocking-read(borrow<wasi:io/streams#input-stream>,u64)->result<list<u8>,${streamError}>`,
      `[method]input-stream.skip(borrow<wasi:io/streams#input-stream>,u64)->result<u64,${streamError}>`,
      `[method]input-stream.blocking-skip(borrow<wasi:io/streams#input-stream>,u64)->result<u64,${streamError}>`,
      `[method]output-stream.check-write(borrow<wasi:io/streams#output-stream>)->result<u64,${streamError}>`,
      `[method]output-stream.write(borrow<wasi:io/streams#output-stream>,list<u8>)->result<_,${streamError}>`,
      `[method]output-stream.blocking-write-and-flush(borrow<wasi:io/streams#output-stream>,list<u8>)->result<_,${streamError}>`,
      `[method]output-stream.flush(borrow<wasi:io/streams#output-stream>)->result<_,${streamError}>`,
      `[method]output-stream.blocking-flush(borrow<wasi:io/streams#output-stream>)->result<_,${streamError}>`,
      `[method]output-stream.write-zeroes(borrow<wasi:io/streams#output-stream>,u64)->result<_,${streamError}>`,
      `[method]output-stream.blocking-write-zeroes-and-flush(borrow<wasi:io/streams#output-stream>,u64)->result<_,${streamError}>`,
      `[method]output-stream.splice(borrow<wasi:io/streams#output-stream>,borrow<wasi:io/streams#input-stream>,u64)->result<u64,${streamError}>`,
      `[method]output-stream.blocking-splice(borrow<wasi:io/streams#output-stream>,borrow<wasi:io/streams#input-stream>,u64)->result<u64,${streamError}>`,
    ],
    "wasi:cli/stdin": [
      "get-stdin()->own<wasi:io/streams#input-stream>",
    ],
    "wasi:cli/stdout": [
      "get-stdout()->own<wasi:io/streams#output-stream>",
    ],
    "wasi:cli/stderr": [
      "get-stderr()->own<wasi:io/streams#output-stream>",
    ],
    "wasi:clocks/monotonic-clock": [
      "now()->u64",
      "resolution()->u64",
      "subscribe-instant(u64)->own<wasi:io/poll#pollable>",
      "subscribe-duration(u64)->own<wasi:io/poll#pollable>",
    ],
    "wasi:filesystem/types": [
      "[method]descriptor.is-same-object(borrow<wasi:filesystem/types#descriptor>,borrow<wasi:filesystem/types#descriptor>)->bool",
      `[method]descriptor.read-via-stream(borrow<wasi:filesystem/types#descriptor>,u64)->result<own<wasi:io/streams#input-stream>,${fileError}>`,
      `[method]descriptor.write-via-stream(borrow<wasi:filesystem/types#descriptor>,u64)->result<own<wasi:io/streams#output-stream>,${fileError}>`,
      `[method]descriptor.append-via-stream(borrow<wasi:filesystem/types#descriptor>)->result<own<wasi:io/streams#output-stream>,${fileError}>`,
      `[method]descriptor.advise(borrow<wasi:filesystem/types#descriptor>,u64,u64,enum{normal,sequential,random,will-need,dont-need,no-reuse})->result<_,${fileError}>`,
      `[method]descriptor.sync-data(borrow<wasi:filesystem/types#descriptor>)->result<_,${fileError}>`,
      `[method]descriptor.get-flags(borrow<wasi:filesystem/types#descriptor>)->result<${descriptorFlags},${fileError}>`,
      `[method]descriptor.get-type(borrow<wasi:filesystem/types#descriptor>)->result<${fileType},${fileError}>`,
      `[method]descriptor.set-size(borrow<wasi:filesystem/types#descriptor>,u64)->result<_,${fileError}>`,
      `[method]descriptor.set-times(borrow<wasi:filesystem/types#descriptor>,${timestamp},${timestamp})->result<_,${fileError}>`,
      `[method]descriptor.read(borrow<wasi:filesystem/types#descriptor>,u64,u64)->result<tuple<list<u8>,bool>,${fileError}>`,
      `[method]descriptor.write(borrow<wasi:filesystem/types#descriptor>,list<u8>,u64)->result<u64,${fileError}>`,
      `[method]descriptor.read-directory(borrow<wasi:filesystem/types#descriptor>)->result<own<wasi:filesystem/types#directory-entry-stream>,${fileError}>`,
      `[method]descriptor.sync(borrow<wasi:filesystem/types#descriptor>)->result<_,${fileError}>`,
      `[method]descriptor.create-directory-at(borrow<wasi:filesystem/types#descriptor>,string)->result<_,${fileError}>`,
      `[method]descriptor.stat(borrow<wasi:filesystem/types#descriptor>)->result<${stat},${fileError}>`,
      `[method]descriptor.stat-at(borrow<wasi:filesystem/types#descriptor>,flags{symlink-follow},string)->result<${stat},${fileError}>`,
      `[method]descriptor.set-times-at(borrow<wasi:filesystem/types#descriptor>,flags{symlink-follow},string,${timestamp},${timestamp})->result<_,${fileError}>`,
      `[method]descriptor.link-at(borrow<wasi:filesystem/types#descriptor>,flags{symlink-follow},string,borrow<wasi:filesystem/types#descriptor>,string)->result<_,${fileError}>`,
      `[method]descriptor.open-at(borrow<wasi:filesystem/types#descriptor>,flags{symlink-follow},string,flags{create,directory,exclusive,truncate},${descriptorFlags})->result<own<wasi:filesystem/types#descriptor>,${fileError}>`,
      `[method]descriptor.readlink-at(borrow<wasi:filesystem/types#descriptor>,string)->result<string,${fileError}>`,
      `[method]descriptor.remove-directory-at(borrow<wasi:filesystem/types#descriptor>,string)->result<_,${fileError}>`,
      `[method]descriptor.rename-at(borrow<wasi:filesystem/types#descriptor>,string,borrow<wasi:filesystem/types#descriptor>,string)->result<_,${fileError}>`,
      `[method]descriptor.symlink-at(borrow<wasi:filesystem/types#descriptor>,string,string)->result<_,${fileError}>`,
      `[method]descriptor.unlink-file-at(borrow<wasi:filesystem/types#descriptor>,string)->result<_,${fileError}>`,
      `[method]descriptor.metadata-hash(borrow<wasi:filesystem/types#descriptor>)->result<record{lower:u64,upper:u64},${fileError}>`,
      `[method]descriptor.metadata-hash-at(borrow<wasi:filesystem/types#descriptor>,flags{symlink-follow},string)->result<record{lower:u64,upper:u64},${fileError}>`,
      `[method]directory-entry-stream.read-directory-entry(borrow<wasi:filesystem/types#directory-entry-stream>)->result<option<record{type:${fileType},name:string}>,${fileError}>`,
      `filesystem-error-code(borrow<wasi:io/error#error>)->option<${fileError}>`,
    ],
    "wasi:sockets/instance-network": [
      "instance-network()->own<wasi:sockets/network#network>",
    ],
    "wasi:sockets/udp": [
      `[method]udp-socket.address-family(borrow<wasi:sockets/udp#udp-socket>)->${family}`,
      "[method]udp-socket.subscribe(borrow<wasi:sockets/udp#udp-socket>)->own<wasi:io/poll#pollable>",
      "[method]incoming-datagram-stream.subscribe(borrow<wasi:sockets/udp#incoming-datagram-stream>)->own<wasi:io/poll#pollable>",
      "[method]outgoing-datagram-stream.subscribe(borrow<wasi:sockets/udp#outgoing-datagram-stream>)->own<wasi:io/poll#pollable>",
      `[method]udp-socket.start-bind(borrow<wasi:sockets/udp#udp-socket>,borrow<wasi:sockets/network#network>,${socketAddress})->result<_,${socketError}>`,
      `[method]udp-socket.finish-bind(borrow<wasi:sockets/udp#udp-socket>)->result<_,${socketError}>`,
      `[method]udp-socket.stream(borrow<wasi:sockets/udp#udp-socket>,option<${socketAddress}>)->result<tuple<own<wasi:sockets/udp#incoming-datagram-stream>,own<wasi:sockets/udp#outgoing-datagram-stream>>,${socketError}>`,
      `[method]udp-socket.local-address(borrow<wasi:sockets/udp#udp-socket>)->result<${socketAddress},${socketError}>`,
      `[method]udp-socket.remote-address(borrow<wasi:sockets/udp#udp-socket>)->result<${socketAddress},${socketError}>`,
      `[method]udp-socket.unicast-hop-limit(borrow<wasi:sockets/udp#udp-socket>)->result<u8,${socketError}>`,
      `[method]udp-socket.set-unicast-hop-limit(borrow<wasi:sockets/udp#udp-socket>,u8)->result<_,${socketError}>`,
      `[method]udp-socket.receive-buffer-size(borrow<wasi:sockets/udp#udp-socket>)->result<u64,${socketError}>`,
      `[method]udp-socket.set-receive-buffer-size(borrow<wasi:sockets/udp#udp-socket>,u64)->result<_,${socketError}>`,
      `[method]udp-socket.send-buffer-size(borrow<wasi:sockets/udp#udp-socket>)->result<u64,${socketError}>`,
      `[method]udp-socket.set-send-buffer-size(borrow<wasi:sockets/udp#udp-socket>,u64)->result<_,${socketError}>`,
      `[method]incoming-datagram-stream.receive(borrow<wasi:sockets/udp#incoming-datagram-stream>,u64)->result<list<record{data:list<u8>,remote-address:${socketAddress}}>,${socketError}>`,
      `[method]outgoing-datagram-stream.check-send(borrow<wasi:sockets/udp#outgoing-datagram-stream>)->result<u64,${socketError}>`,
      `[method]outgoing-datagram-stream.send(borrow<wasi:sockets/udp#outgoing-datagram-stream>,list<record{data:list<u8>,remote-address:option<${socketAddress}>}>)->result<u64,${socketError}>`,
    ],
    "wasi:sockets/tcp": [
      "[method]tcp-socket.is-listening(borrow<wasi:sockets/tcp#tcp-socket>)->bool",
      `[method]tcp-socket.address-family(borrow<wasi:sockets/tcp#tcp-socket>)->${family}`,
      "[method]tcp-socket.subscribe(borrow<wasi:sockets/tcp#tcp-socket>)->own<wasi:io/poll#pollable>",
      `[method]tcp-socket.start-bind(borrow<wasi:sockets/tcp#tcp-socket>,borrow<wasi:sockets/network#network>,${socketAddress})->result<_,${socketError}>`,
      `[method]tcp-socket.finish-bind(borrow<wasi:sockets/tcp#tcp-socket>)->result<_,${socketError}>`,
      `[method]tcp-socket.start-connect(borrow<wasi:sockets/tcp#tcp-socket>,borrow<wasi:sockets/network#network>,${socketAddress})->result<_,${socketError}>`,
      `[method]tcp-socket.finish-connect(borrow<wasi:sockets/tcp#tcp-socket>)->result<tuple<own<wasi:io/streams#input-stream>,own<wasi:io/streams#output-stream>>,${socketError}>`,
      `[method]tcp-socket.start-listen(borrow<wasi:sockets/tcp#tcp-socket>)->result<_,${socketError}>`,
      `[method]tcp-socket.finish-listen(borrow<wasi:sockets/tcp#tcp-socket>)->result<_,${socketError}>`,
      `[method]tcp-socket.accept(borrow<wasi:sockets/tcp#tcp-socket>)->result<tuple<own<wasi:sockets/tcp#tcp-socket>,own<wasi:io/streams#input-stream>,own<wasi:io/streams#output-stream>>,${socketError}>`,
      `[method]tcp-socket.local-address(borrow<wasi:sockets/tcp#tcp-socket>)->result<${socketAddress},${socketError}>`,
      `[method]tcp-socket.remote-address(borrow<wasi:sockets/tcp#tcp-socket>)->result<${socketAddress},${socketError}>`,
      `[method]tcp-socket.set-listen-backlog-size(borrow<wasi:sockets/tcp#tcp-socket>,u64)->result<_,${socketError}>`,
      `[method]tcp-socket.keep-alive-enabled(borrow<wasi:sockets/tcp#tcp-socket>)->result<bool,${socketError}>`,
      `[method]tcp-socket.set-keep-alive-enabled(borrow<wasi:sockets/tcp#tcp-socket>,bool)->result<_,${socketError}>`,
      `[method]tcp-socket.keep-alive-idle-time(borrow<wasi:sockets/tcp#tcp-socket>)->result<u64,${socketError}>`,
      `[method]tcp-socket.set-keep-alive-idle-time(borrow<wasi:sockets/tcp#tcp-socket>,u64)->result<_,${socketError}>`,
      `[method]tcp-socket.keep-alive-interval(borrow<wasi:sockets/tcp#tcp-socket>)->result<u64,${socketError}>`,
      `[method]tcp-socket.set-keep-alive-interval(borrow<wasi:sockets/tcp#tcp-socket>,u64)->result<_,${socketError}>`,
      `[method]tcp-socket.keep-alive-count(borrow<wasi:sockets/tcp#tcp-socket>)->result<u32,${socketError}>`,
      `[method]tcp-socket.set-keep-alive-count(borrow<wasi:sockets/tcp#tcp-socket>,u32)->result<_,${socketError}>`,
      `[method]tcp-socket.hop-limit(borrow<wasi:sockets/tcp#tcp-socket>)->result<u8,${socketError}>`,
      `[method]tcp-socket.set-hop-limit(borrow<wasi:sockets/tcp#tcp-socket>,u8)->result<_,${socketError}>`,
      `[method]tcp-socket.receive-buffer-size(borrow<wasi:sockets/tcp#tcp-socket>)->result<u64,${socketError}>`,
      `[method]tcp-socket.set-receive-buffer-size(borrow<wasi:sockets/tcp#tcp-socket>,u64)->result<_,${socketError}>`,
      `[method]tcp-socket.send-buffer-size(borrow<wasi:sockets/tcp#tcp-socket>)->result<u64,${socketError}>`,
      `[method]tcp-socket.set-send-buffer-size(borrow<wasi:sockets/tcp#tcp-socket>,u64)->result<_,${socketError}>`,
      `[method]tcp-socket.shutdown(borrow<wasi:sockets/tcp#tcp-socket>,enum{receive,send,both})->result<_,${socketError}>`,
    ],
    "wasi:sockets/ip-name-lookup": [
      "[method]resolve-address-stream.subscribe(borrow<wasi:sockets/ip-name-lookup#resolve-address-stream>)->own<wasi:io/poll#pollable>",
      `[method]resolve-address-stream.resolve-next-address(borrow<wasi:sockets/ip-name-lookup#resolve-address-stream>)->result<option<${ipAddress}>,${socketError}>`,
      `resolve-addresses(borrow<wasi:sockets/network#network>,string)->result<own<wasi:sockets/ip-name-lookup#resolve-address-stream>,${socketError}>`,
    ],
    "wasi:random/random": [
      "get-random-u64()->u64",
      "get-random-bytes(u64)->list<u8>",
    ],
    "wasi:random/insecure": [
      "get-insecure-random-u64()->u64",
      "get-insecure-random-bytes(u64)->list<u8>",
    ],
    "wasi:http/types": [
      "[constructor]fields()->own<wasi:http/types#fields>",
      "[method]fields.clone(borrow<wasi:http/types#fields>)->own<wasi:http/types#fields>",
      "[method]incoming-request.headers(borrow<wasi:http/types#incoming-request>)->own<wasi:http/types#fields>",
      "[constructor]outgoing-request(own<wasi:http/types#fields>)->own<wasi:http/types#outgoing-request>",
      "[method]outgoing-request.headers(borrow<wasi:http/types#outgoing-request>)->own<wasi:http/types#fields>",
      "[constructor]request-options()->own<wasi:http/types#request-options>",
      "[method]request-options.set-connect-timeout(borrow<wasi:http/types#request-options>,option<u64>)->result<_,_>",
      "[method]request-options.set-first-byte-timeout(borrow<wasi:http/types#request-options>,option<u64>)->result<_,_>",
      "[method]request-options.set-between-bytes-timeout(borrow<wasi:http/types#request-options>,option<u64>)->result<_,_>",
      "[method]incoming-response.status(borrow<wasi:http/types#incoming-response>)->u16",
      "[method]incoming-response.headers(borrow<wasi:http/types#incoming-response>)->own<wasi:http/types#fields>",
      "[static]incoming-body.finish(own<wasi:http/types#incoming-body>)->own<wasi:http/types#future-trailers>",
      "[method]future-trailers.subscribe(borrow<wasi:http/types#future-trailers>)->own<wasi:io/poll#pollable>",
      "[constructor]outgoing-response(own<wasi:http/types#fields>)->own<wasi:http/types#outgoing-response>",
      "[method]outgoing-response.status-code(borrow<wasi:http/types#outgoing-response>)->u16",
      "[method]outgoing-response.set-status-code(borrow<wasi:http/types#outgoing-response>,u16)->result<_,_>",
      "[method]outgoing-response.headers(borrow<wasi:http/types#outgoing-response>)->own<wasi:http/types#fields>",
      "[method]future-incoming-response.subscribe(borrow<wasi:http/types#future-incoming-response>)->own<wasi:io/poll#pollable>",
      `[static]fields.from-list(list<tuple<string,list<u8>>>)->result<own<wasi:http/types#fields>,${headerError}>`,
      "[method]fields.get(borrow<wasi:http/types#fields>,string)->list<list<u8>>",
      "[method]fields.has(borrow<wasi:http/types#fields>,string)->bool",
      `[method]fields.set(borrow<wasi:http/types#fields>,string,list<list<u8>>)->result<_,${headerError}>`,
      `[method]fields.delete(borrow<wasi:http/types#fields>,string)->result<_,${headerError}>`,
      `[method]fields.append(borrow<wasi:http/types#fields>,string,list<u8>)->result<_,${headerError}>`,
      "[method]fields.entries(borrow<wasi:http/types#fields>)->list<tuple<string,list<u8>>>",
      `[method]incoming-request.method(borrow<wasi:http/types#incoming-request>)->${method}`,
      "[method]incoming-request.path-with-query(borrow<wasi:http/types#incoming-request>)->option<string>",
      `[method]incoming-request.scheme(borrow<wasi:http/types#incoming-request>)->option<${scheme}>`,
      "[method]incoming-request.authority(borrow<wasi:http/types#incoming-request>)->option<string>",
      "[method]incoming-request.consume(borrow<wasi:http/types#incoming-request>)->result<own<wasi:http/types#incoming-body>,_>",
      "[method]outgoing-request.body(borrow<wasi:http/types#outgoing-request>)->result<own<wasi:http/types#outgoing-body>,_>",
      `[method]outgoing-request.method(borrow<wasi:http/types#outgoing-request>)->${method}`,
      `[method]outgoing-request.set-method(borrow<wasi:http/types#outgoing-request>,${method})->result<_,_>`,
      "[method]outgoing-request.path-with-query(borrow<wasi:http/types#outgoing-request>)->option<string>",
      "[method]outgoing-request.set-path-with-query(borrow<wasi:http/types#outgoing-request>,option<string>)->result<_,_>",
      `[method]outgoing-request.scheme(borrow<wasi:http/types#outgoing-request>)->option<${scheme}>`,
      `[method]outgoing-request.set-scheme(borrow<wasi:http/types#outgoing-request>,option<${scheme}>)->result<_,_>`,
      "[method]outgoing-request.authority(borrow<wasi:http/types#outgoing-request>)->option<string>",
      "[method]outgoing-request.set-authority(borrow<wasi:http/types#outgoing-request>,option<string>)->result<_,_>",
      "[method]request-options.connect-timeout(borrow<wasi:http/types#request-options>)->option<u64>",
      "[method]request-options.first-byte-timeout(borrow<wasi:http/types#request-options>)->option<u64>",
      "[method]request-options.between-bytes-timeout(borrow<wasi:http/types#request-options>)->option<u64>",
      `[method]response-outparam.send-informational(borrow<wasi:http/types#response-outparam>,u16,own<wasi:http/types#fields>)->result<_,${httpError}>`,
      `[static]response-outparam.set(own<wasi:http/types#response-outparam>,result<own<wasi:http/types#outgoing-response>,${httpError}>)`,
      "[method]incoming-response.consume(borrow<wasi:http/types#incoming-response>)->result<own<wasi:http/types#incoming-body>,_>",
      "[method]incoming-body.stream(borrow<wasi:http/types#incoming-body>)->result<own<wasi:io/streams#input-stream>,_>",
      `[method]future-trailers.get(borrow<wasi:http/types#future-trailers>)->option<result<result<option<own<wasi:http/types#fields>>,${httpError}>,_>>`,
      "[method]outgoing-response.body(borrow<wasi:http/types#outgoing-response>)->result<own<wasi:http/types#outgoing-body>,_>",
      "[method]outgoing-body.write(borrow<wasi:http/types#outgoing-body>)->result<own<wasi:io/streams#output-stream>,_>",
      `[static]outgoing-body.finish(own<wasi:http/types#outgoing-body>,option<own<wasi:http/types#fields>>)->result<_,${httpError}>`,
      `[method]future-incoming-response.get(borrow<wasi:http/types#future-incoming-response>)->option<result<result<own<wasi:http/types#incoming-response>,${httpError}>,_>>`,
      `http-error-code(borrow<wasi:io/error#error>)->option<${httpError}>`,
    ],
    "wasi:cli/environment": [
      "get-environment()->list<tuple<string,string>>",
      "get-arguments()->list<string>",
      "initial-cwd()->option<string>",
    ],
    "wasi:io/error": [
      "[method]error.to-debug-string(borrow<wasi:io/error#error>)->string",
    ],
    "wasi:cli/terminal-stdin": [
      "get-terminal-stdin()->option<own<wasi:cli/terminal-input#terminal-input>>",
    ],
    "wasi:cli/terminal-stdout": [
      "get-terminal-stdout()->option<own<wasi:cli/terminal-output#terminal-output>>",
    ],
    "wasi:cli/terminal-stderr": [
      "get-terminal-stderr()->option<own<wasi:cli/terminal-output#terminal-output>>",
    ],
    "wasi:clocks/wall-clock": [
      `now()->${datetime}`,
      `resolution()->${datetime}`,
    ],
    "wasi:filesystem/preopens": [
      "get-directories()->list<tuple<own<wasi:filesystem/types#descriptor>,string>>",
    ],
    "wasi:sockets/network": [
      `network-error-code(borrow<wasi:io/error#error>)->option<${socketError}>`,
    ],
    "wasi:sockets/udp-create-socket": [
      `create-udp-socket(${family})->result<own<wasi:sockets/udp#udp-socket>,${socketError}>`,
    ],
    "wasi:sockets/tcp-create-socket": [
      `create-tcp-socket(${family})->result<own<wasi:sockets/tcp#tcp-socket>,${socketError}>`,
    ],
    "wasi:random/insecure-seed": [
      "insecure-seed()->tuple<u64,u64>",
    ],
    "wasi:http/outgoing-handler": [
      `handle(own<wasi:http/types#outgoing-request>,option<own<wasi:http/types#request-options>>)->result<own<wasi:http/types#future-incoming-response>,${httpError}>`,
    ],
  };
}
