import { expect, test } from 'vitest';
import { limits } from './limits.ts';

/** Pairs that must stay in order. */
const ORDER: readonly (readonly [keyof typeof limits, keyof typeof limits])[] = [
  ['assertionBytesMax', 'runBytesMax'],
  ['runBytesMax', 'gossipBytesMax'],
  ['runBytesMax', 'chunkBytesMax'],
  ['chunkBytesMax', 'frameBytesMax'],
  ['hlcWriteAheadMsMax', 'hlcMergeAheadMsMax'],
  ['hlcMergeAheadMsMax', 'hlcHoldAheadMsMin'],
  ['tabHeartbeatMs', 'tabTakeoverMs'],
  ['digestHandleMs', 'digestMs'],
  ['digestFanOutMin', 'digestFanOutMax'],
  ['chunkBytesMax', 'pullBytesMax'],
  ['chunkBytesMax', 'pullPieceBytesMax'],
  ['pullPieceBytesMax', 'pullAheadBytesMax'],
  ['pullsPerSpaceMax', 'pullPeersMax'],
  ['pullPatienceMs', 'pullHoldMs'],
  ['pullAheadBytesMax', 'pendingBytesMax'],
  ['pullPieceAssertionsMin', 'pullPieceAssertionsMax'],
  ['pullPieceAssertionsMax', 'pullAheadAssertionsMax'],
  ['pullAheadAssertionsMax', 'pendingAssertionsMax'],
  ['outlineCutsMax', 'outlineEndsMax'],
  ['flushQuietMs', 'flushMs'],
  ['flushedWaitMs', 'requestTimeoutMs'],
  ['syncRetryMsMin', 'syncRetryMsMax'],
  ['redialMsMin', 'redialMsMax'],
  ['frameBytesMax', 'streamWindowBytes'],
  ['gossipBytesMax', 'gossipEnvelopeBytesMax'],
  ['gossipBytesMax', 'gossipPendingBytesMax'],
  ['gossipPendingBytesMax', 'gossipPendingAllBytesMax'],
  ['gossipEnvelopeBytesMax', 'gossipSendBytesMax'],
  ['relayCheckMsMin', 'relayCheckMsMax'],
  ['logLinesPerPeerMax', 'logLinesPerMessageMax'],
  ['rootsCells', 'rootsCounts'],
  ['rootsCounts', 'sketchCellsMax'],
  ['addressDialTimeoutMs', 'dialTimeoutMs'],
  ['storeBlockBytes', 'storePartBytes'],
  ['storePartBytes', 'storeMemoryBytes'],
  ['storeMergeWidth', 'storeTablesMax'],
  ['digestMs', 'digestQuietMs'],
  ['antiEntropyMs', 'antiEntropyQuietMs'],
  ['pingMs', 'pingQuietMs'],
  ['turnHoldMs', 'turnWaitMsMax'],
  ['turnWaitMsMax', 'requestTimeoutMs'],
  ['pullDebtBytesMax', 'pullDeficitBytesMax'],
  ['seatsMax', 'bulkOpenMax'],
  ['standingIsolatedBelow', 'standingStart'],
  ['requestsPerSecondMin', 'requestsPerSecondMax'],
  ['requestsPerSecondMax', 'requestsPerSecondAllMax'],
  ['requestsPerSecondMax', 'requestsIgnoringMin'],
];

test('every limit is a positive number', () => {
  for (const [name, limit] of Object.entries(limits)) expect([name, limit > 0]).toEqual([name, true]);
});

test.each(ORDER)('%s is below %s', (smaller, larger) => {
  expect(limits[smaller]).toBeLessThan(limits[larger]);
});
