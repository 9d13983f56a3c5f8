/** An instant as the API writes it (`metav1.Time`): RFC 3339 in UTC, to the second. */
export function apiTime(time: Date): string {
  return time.toISOString().replace(/\.\d+Z$/, "Z");
}
