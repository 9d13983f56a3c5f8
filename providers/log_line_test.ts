import assert from "node:assert/strict";
import fc from "fast-check";
import { longestText, RecordCutter } from "./log_line.ts";
import { RecordFilter } from "./record_filter.ts";

const at = new Date("2026-01-31T12:00:00.123Z");
const time = "2026-01-31T12:00:00.123000000Z";

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function text(...pieces: readonly Uint8Array[]): string {
  return new TextDecoder().decode(concat(pieces));
}

function concat(pieces: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(pieces.flatMap((piece) => [...piece]));
}

function filtered(
  filter: RecordFilter,
  records: Uint8Array,
): { lines: string; read: number } {
  const buffer = records.slice();
  const { read, written } = filter.apply(buffer, 0, buffer.length, buffer);
  return { lines: text(buffer.subarray(0, written)), read };
}

Deno.test("RecordCutter writes the CRI format", () => {
  const cutter = new RecordCutter("stderr");
  assert.equal(
    text(cutter.cut(bytes("one\n\ntwo"), at)),
    `${time} stderr F one\n${time} stderr F \n`,
  );
  assert.equal(text(cutter.cut(bytes("!\n"), at)), `${time} stderr F two!\n`);
  assert.equal(text(cutter.end(at)), "");
});

Deno.test("RecordCutter tags a last line without an end as partial", () => {
  const cutter = new RecordCutter("stdout");
  assert.equal(text(cutter.cut(bytes("bye"), at)), "");
  assert.equal(text(cutter.end(at)), `${time} stdout P bye\n`);
});

Deno.test("RecordCutter splits lines after 16 KiB", () => {
  const cutter = new RecordCutter("stdout");
  const long = "x".repeat(longestText);
  assert.equal(
    text(cutter.cut(bytes(`${long}y\n`), at)),
    `${time} stdout P ${long}\n${time} stdout F y\n`,
  );
  assert.equal(
    text(cutter.cut(bytes(`${long}\n`), at)),
    `${time} stdout F ${long}\n`,
  );
});

Deno.test("RecordCutter and RecordFilter give back any bytes, cut anywhere", () => {
  const chunk = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.array(fc.constantFrom(10, 32, 70, 80, 255), { maxLength: 100 })
      .map((values) => new Uint8Array(values)),
    fc.nat(3 * longestText).map((length) => new Uint8Array(length).fill(120)),
  );
  fc.assert(
    fc.property(fc.array(chunk, { maxLength: 8 }), (chunks) => {
      const cutter = new RecordCutter("stdout");
      const records = [...chunks.map((c) => cutter.cut(c, at)), cutter.end(at)];
      const filter = new RecordFilter({ timestamps: false });
      const out = records.map((record) => {
        const buffer = record.slice();
        const { read, written } = filter.apply(
          buffer,
          0,
          buffer.length,
          buffer,
        );
        assert.equal(read, record.length);
        return buffer.subarray(0, written);
      });
      assert.equal(
        Buffer.compare(Buffer.concat(out), Buffer.concat(chunks)),
        0,
      );
    }),
    { numRuns: 60 },
  );
});

Deno.test("RecordFilter goes on where a full output stopped it", () => {
  const records = bytes(
    `${time} stdout P a\n${time} stdout F b\nno record\n${time} stderr F \n`,
  );
  for (const timestamps of [true, false]) {
    const want = filtered(new RecordFilter({ timestamps }), records).lines;
    for (let room = 1; room < 80; room++) {
      const filter = new RecordFilter({ timestamps });
      const output = new Uint8Array(room);
      let lines = "";
      for (let at = 0; at < records.length;) {
        const { read, written } = filter.apply(
          ...[records, at, records.length, output] as const,
        );
        lines += text(output.subarray(0, written));
        at = read;
      }
      assert.equal(lines, want);
    }
  }
});

Deno.test("RecordFilter writes one timestamp for a line in several records", () => {
  const filter = new RecordFilter({ timestamps: true });
  const records =
    `${time} stdout P a\n${time} stdout F b\n${time} stdout F c\n`;
  assert.equal(
    filtered(filter, bytes(records)).lines,
    `${time} ab\n${time} c\n`,
  );
});

Deno.test("RecordFilter keeps one stream when asked to", () => {
  const records = bytes(`${time} stdout F out\n${time} stderr F err\n`);
  for (
    const [stream, want] of [["stdout", "out\n"], ["stderr", "err\n"]] as const
  ) {
    const filter = new RecordFilter({ timestamps: false, stream });
    assert.equal(filtered(filter, records).lines, want);
  }
});

Deno.test("RecordFilter keeps the lines written at or after `since`", () => {
  const records = bytes(
    `2026-01-31T12:00:00.122000000Z stdout F old\n${time} stdout F new\n`,
  );
  const filter = new RecordFilter({ timestamps: false, since: at });
  assert.equal(filtered(filter, records).lines, "new\n");
});

Deno.test("RecordFilter reads records of other writers and skips what is none", () => {
  const records = bytes([
    "2026-01-31T12:00:00.1+01:00 stderr F early",
    "no record",
    "",
    "2026-01-31T13:30:00+01:00 stderr F:tag late",
    "2026-01-31T13:30:00+01:00 stdother F what",
    "",
  ].join("\n"));
  const all = new RecordFilter({ timestamps: false });
  assert.equal(filtered(all, records).lines, "early\nlate\n");
  const late = new RecordFilter({ timestamps: true, since: at });
  assert.equal(
    filtered(late, records).lines,
    "2026-01-31T13:30:00+01:00 late\n",
  );
});
