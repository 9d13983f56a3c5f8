/** The nearest whole number of at least 0: Go's clients refuse others where they expect a `uint64`. */
export function wholeNumber(value: number): number {
  return Math.max(0, Math.round(value));
}

/** The sum; 0 of nothing. */
export function sum(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0);
}
