import { failWith } from "./guest_error.ts";

/** The interfaces of the package `wasi:sockets`: guests have no network, and are told so. */
export function socketInterfaces() {
  const denied = () => failWith("access-denied");
  return {
    "wasi:sockets/network": { Network, networkErrorCode: () => undefined },
    "wasi:sockets/instance-network": { instanceNetwork: () => new Network() },
    "wasi:sockets/ip-name-lookup": {
      ResolveAddressStream,
      resolveAddresses: denied,
    },
    "wasi:sockets/tcp": { TcpSocket },
    "wasi:sockets/tcp-create-socket": { createTcpSocket: denied },
    "wasi:sockets/udp": {
      UdpSocket,
      IncomingDatagramStream,
      OutgoingDatagramStream,
    },
    "wasi:sockets/udp-create-socket": { createUdpSocket: denied },
  };
}

// Resources that no guest ever gets, but the bindings ask for their classes.
class Network {}

class ResolveAddressStream {}

class TcpSocket {}

class UdpSocket {}

class IncomingDatagramStream {}

class OutgoingDatagramStream {}
