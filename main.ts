import { Interrupt } from "./cli/interrupt.ts";

/** What this program starts itself for; nothing else may be loaded then. */
const hiddenArguments = {
  "__wasm-runner": runGuest,
  "__make-certificate": makeCertificate,
} as const;

const interrupts = Deno.build.os === "windows"
  ? { SIGINT: 130, SIGBREAK: 149 } as const
  : { SIGINT: 130, SIGTERM: 143 } as const;

const [first = ""] = Deno.args;
if (isHidden(first)) {
  await hiddenArguments[first]();
} else {
  const missing = unsupportedRuntime();
  if (missing !== undefined) {
    await Deno.stderr.write(new TextEncoder().encode(`error: ${missing}\n`));
    Deno.exit(2);
  }
  const { runCli } = await import("./cli/program.ts");
  const { args, env } = Deno;
  Deno.exit(await runCli(args, { env: env.toObject(), signal: interrupted() }));
}

function isHidden(argument: string): argument is keyof typeof hiddenArguments {
  return Object.hasOwn(hiddenArguments, argument);
}

async function runGuest(): Promise<void> {
  await (await import("./providers/wasm/runner.ts")).runGuest();
}

async function makeCertificate(): Promise<void> {
  await (await import("./kubelet/certificate_process.ts")).makeCertificate();
}

/** Aborts at the first request to stop; the second one ends the process at once. */
function interrupted(): AbortSignal {
  const stop = new AbortController();
  for (const [signal, exitCode] of Object.entries(interrupts)) {
    Deno.addSignalListener(signal as keyof typeof interrupts, () => {
      if (stop.signal.aborted) Deno.exit(exitCode);
      stop.abort(new Interrupt(signal, exitCode));
    });
  }
  return stop.signal;
}

/** Why this Deno cannot run farlet; before 2.6, guests cannot be confined. */
function unsupportedRuntime(): string | undefined {
  const [major = 0, minor = 0] = Deno.version.deno.split(".").map(Number);
  if (major > 2 || (major === 2 && minor >= 6)) return undefined;
  return `farlet needs Deno 2.6 or newer, and this is Deno ${Deno.version.deno}: run it as \`npx deno@2.9.6 …\``;
}
