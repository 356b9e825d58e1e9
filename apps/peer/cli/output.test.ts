import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { FakeSpace } from '../testing/fake-peer.ts';
import { parseDuration, parseTime, pickSpace } from './format.ts';
import { Output, printable, type Terminal } from './output.ts';
import { Progress } from './progress.ts';

function output(options: { tty?: boolean; json?: boolean; noColour?: boolean } = {}): {
  out: Output;
  read: () => { stdout: string; stderr: string };
} {
  const terminal = (): Terminal & PassThrough =>
    Object.assign(new PassThrough(), options.tty === true ? { isTTY: true, columns: 40 } : {});
  const stdout = terminal();
  const stderr = terminal();
  const environment: Record<string, string> = options.noColour === true ? { NO_COLOR: '1' } : {};
  const out = new Output(options.json === true, stdout, stderr, environment);
  const text = (stream: PassThrough): string => (stream.read() as Buffer | null)?.toString() ?? '';
  return { out, read: () => ({ stdout: text(stdout), stderr: text(stderr) }) };
}

test('columns are aligned by what they show, wide characters included', () => {
  const { out } = output();
  expect(
    out.table(
      ['A', 'B'],
      [
        ['地球', 'x'],
        ['e\u0301a', 'y'],
        ['longer', 'z'],
      ],
    ),
  ).toBe('A       B\n地球    x\ne\u0301a      y\nlonger  z');
});

test('a terminal gets cut lines and colour, a pipe gets neither, NO_COLOR no colour', () => {
  const long = 'x'.repeat(200);
  const terminal = output({ tty: true }).out.table(['HEAD'], [[long]]);
  expect(terminal).toContain('\u001b[1mHEAD');
  expect(terminal.split('\n')[1]).toHaveLength(40);
  expect(terminal.endsWith('…')).toBe(true);
  expect(output().out.table(['HEAD'], [[long]])).toBe(`HEAD\n${long}`);
  expect(output({ tty: true, noColour: true }).out.table(['HEAD'], [])).toBe('HEAD');
});

test('what strangers write cannot steer the terminal', () => {
  expect(printable('a\u001b[2Jb\nc\u202ed\u0007')).toBe('a\\u001b[2Jb\\nc\\u202ed\\u0007');
  const { out } = output();
  expect(out.table(['A'], [['\u001b]0;title\u0007']])).toBe('A\n\\u001b]0;title\\u0007');
});

test('with --json messages for people are left out, findings are JSON on stderr', () => {
  const { out, read } = output({ json: true });
  out.message('for people');
  out.note({ warning: 1 }, 'text');
  expect(read()).toEqual({ stdout: '', stderr: '{"warning":1}\n' });
});

test('progress is a bar on a terminal and a line every few seconds elsewhere', () => {
  let nowMs = 0;
  const state = { phase: 'write', bytesDone: 50, bytesAll: 100, claims: 7 } as const;
  const terminal = output({ tty: true });
  const bar = new Progress(terminal.out, () => nowMs);
  nowMs = 200;
  bar.show(state);
  expect(terminal.read().stderr).toBe(
    `\r${'█'.repeat(15)}${'░'.repeat(15)} writing   50 %  7 claims\u001b[K`,
  );
  bar.clear();
  expect(terminal.read().stderr).toBe('\r\u001b[K');

  const pipe = output();
  const lines = new Progress(pipe.out, () => nowMs);
  nowMs += 4000;
  lines.show(state);
  expect(pipe.read().stderr).toBe('');
  nowMs += 2000;
  lines.show(state);
  expect(pipe.read().stderr).toBe('writing   50 %  7 claims\n');
});

test('times are lengths, dates, or how long ago', () => {
  expect(parseDuration('1.5h', '--ttl')).toBe(5_400_000);
  expect(parseTime('2h', '--since', 10_000_000)).toBe(2_800_000);
  expect(parseTime('1970-01-02', '--since', 0)).toBe(86_400_000);
  for (const bad of ['', '5', 'h', '-1h', 'tomorrow', '2026-13-45']) {
    expect(() => parseTime(bad, '--since', 0), bad).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
  }
});

test('a space is meant by id, name, or the beginning of its id; the only one is meant by nothing', async () => {
  const a = new FakeSpace(`abcd${'0'.repeat(60)}`, 'one');
  const b = new FakeSpace(`abce${'0'.repeat(60)}`, 'two');
  const c = new FakeSpace(`ffff${'0'.repeat(60)}`, 'two');
  expect(await pickSpace([a, b], a.id, true)).toBe(a);
  expect(await pickSpace([a, b], 'two', true)).toBe(b);
  expect(await pickSpace([a, b], 'abce', true)).toBe(b);
  expect(await pickSpace([a], 'commons', false)).toBe(a);
  await expect(pickSpace([a], 'commons', true)).rejects.toMatchObject({ code: 'UNKNOWN_SPACE' });
  await expect(pickSpace([a, b], 'commons', false)).rejects.toMatchObject({ code: 'UNKNOWN_SPACE' });
  await expect(pickSpace([b, c], 'two', true)).rejects.toMatchObject({ code: 'BAD_INPUT' });
});
