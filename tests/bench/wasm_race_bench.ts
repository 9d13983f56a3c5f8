import { raceGuest } from "../guest_race.ts";
import type { Figure } from "./figures.ts";

const seconds = 60;

/** A guest that works in a directory, while that and a link to outside change places. */
export async function benchWasmRace(): Promise<readonly Figure[]> {
  const { inside, errors, escapes } = await raceGuest(seconds * 1000);
  return [{
    what: `escapes of ${inside + errors} attempts in ${seconds} s of racing`,
    measured: `${escapes}`,
    wanted: "0",
  }];
}
