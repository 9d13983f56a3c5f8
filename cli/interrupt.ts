/** The user, or the system, asked the program to stop. */
export class Interrupt extends Error {
  override readonly name = "Interrupt";
  /** What a shell expects of a program that a signal ended: 128 + the signal's number. */
  readonly exitCode: number;

  constructor(signalName: string, exitCode: number) {
    super(`Received ${signalName}`);
    this.exitCode = exitCode;
  }
}
