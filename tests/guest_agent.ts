// Stands for the agent in the tests of its death: starts the runner that its arguments name, sends
// it the specification, prints its process ID, and waits for ever.
const [spec, program, ...args] = Deno.args;
if (spec === undefined || program === undefined) {
  throw new TypeError("Expected a specification and a command");
}
const child = new Deno.Command(program, { args, stdin: "piped" }).spawn();
const writer = child.stdin.getWriter();
const own = { ...JSON.parse(spec), parentPid: Deno.pid };
await writer.write(new TextEncoder().encode(`${JSON.stringify(own)}\n`));
await Deno.stdout.write(new TextEncoder().encode(`${child.pid}\n`));
await child.status;
