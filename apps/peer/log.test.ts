import { expect, test } from 'vitest';
import { createTerminalLog } from './log.ts';

test('on a terminal a log line reads as a sentence, from the wanted level on, with nothing that moves the cursor', () => {
  const lines: string[] = [];
  const log = createTerminalLog('warn', (line) => lines.push(line));
  log.write('info', 'not wanted');
  log.write('warn', 'a clock differs \u001b[2J', { peerId: 'a\u001bb', skewMs: -780 });
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(
    /^\d\d:\d\d:\d\d warn: a clock differs \\u001b\[2J peerId="a\\u001bb" skewMs=-780\n$/,
  );
});
