import { Clocks } from "../clocks.ts";
import { clockInterfaces } from "./clock_interfaces.ts";
import { commandInterfaces, type ComponentHost } from "./command_interfaces.ts";
import { fileInterfaces } from "./file_interfaces.ts";
import { httpInterfaces } from "./http_interfaces.ts";
import type { ComponentImports } from "./host_functions.ts";
import { poll, Pollable } from "./pollable.ts";
import { randomInterfaces } from "./random_interfaces.ts";
import { socketInterfaces } from "./socket_interfaces.ts";
import { InputStream, IoError, OutputStream } from "./streams.ts";

/** All that a component can import. */
export function hostImports(host: ComponentHost): ComponentImports {
  return {
    "wasi:io/error": { Error: IoError },
    "wasi:io/poll": { Pollable, poll },
    "wasi:io/streams": { InputStream, OutputStream },
    ...commandInterfaces(host),
    ...clockInterfaces(new Clocks()),
    ...randomInterfaces(),
    ...fileInterfaces(host),
    ...socketInterfaces(host.net),
    ...httpInterfaces(host.net?.names),
  };
}
