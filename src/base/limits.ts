/**
 * Every limit of the system, in one place, each with its reason.
 * Related limits are checked against each other at the end of the file and in `limits.test.ts`.
 */

const KiB = 1024;
const MiB = 1024 * KiB;
const SECOND = 1000;
const MINUTE = 60 * SECOND;

export const limits = {
  // --- Values and assertions: part of the protocol, the same for everybody for ever ---

  /** Header and payload together. The lowest class may pull 64 KiB at once; it must fit with its frame. */
  assertionBytesMax: 60 * KiB,
  /** One run in all, so that one run always fits the lowest class' allowance. */
  runBytesMax: 64 * KiB,
  /** A signature closes at most this many assertions: bounds what an unsigned tail can cost. */
  runAssertionsMax: 128,
  /** Parents of one assertion: enough to answer a discussion, too few to amplify look-ups. */
  parentsMax: 16,
  /** Nesting of a value; deeper input would endanger the stack. */
  nestingMax: 32,
  /** Signatures in an admission (semantics: up to four admitters). */
  admitSignaturesMax: 4,
  /** Admitter keys that a genesis may name. */
  admittersMax: 64,
  /** Genesis bytes: it travels in every invite link, which must fit a QR code of moderate size. */
  genesisBytesMax: 4 * KiB,
  /** Subject and predicate, in UTF-8 bytes: they are store keys. */
  subjectBytesMax: 1024,
  predicateBytesMax: 256,
  /** Proof-of-work bits a genesis may demand: 24 bits are about 16 s in a browser. */
  powBitsMax: 24,

  // --- Hybrid logical clock ---

  /** A remote clock is merged up to here ahead of ours; must be below the hold limit. */
  hlcMergeAheadMsMax: 60 * SECOND,
  /** Beyond this an assertion is held until due. Above the merge limit, so honest skew never holds. */
  hlcHoldAheadMsMin: 120 * SECOND,
  /** Writing is refused while our clock leads the median of the peers' clocks by more. */
  hlcWriteAheadMsMax: 30 * SECOND,
  /** Skew above this is counted and logged, and still accepted. */
  clockSkewWarnMs: 500,
  /** A write after a jump of this clock waits so long for the peers' clocks; a peer that is there needs a round trip. */
  clockAskMsMax: 2 * SECOND,
  /** Authors whose due time is remembered while they are held. */
  heldAuthorsMax: 1000,
  /** What was held is asked for when it is due, but no more often: times of all kinds can be made up. */
  heldLookMs: SECOND,

  // --- The set in memory ---

  /** Runs that wait for ancestors. */
  pendingAssertionsMax: 10_000,
  pendingBytesMax: 16 * MiB,
  /** Share of the pending set that one delivering peer may fill. */
  pendingShareMax: 0.25,
  /** Refused items kept for inspection. */
  quarantineMax: 1000,
  quarantineBytesMax: 4 * MiB,
  quarantineTtlMs: 7 * 24 * 60 * MINUTE,
  /** Share of the quarantine ring that one delivering peer may fill. */
  quarantineShareMax: 0.1,
  /** Ids remembered in memory for duplicate checks, Bloom digests and push verdicts. */
  recentIdsMax: 8192,
  /** Snapshots of the trie that sessions may name by root. */
  trieSnapshotsMax: 64,
  /** Cells of a kept-up sketch: about 1,400 differing tips can be read from it; more go down the trie. */
  sketchCellsMax: 2048,
  /** Public keys whose torsion check and native key objects are cached. */
  authorKeysCachedMax: 4096,
  /** New author keys that are looked at before other work has its turn: half of a frame of a page. */
  authorKeysPerTurnMax: 8,
  /** Threads that check signatures: those of a process share them, and more than this many cores are left to others. */
  verifyThreadsMax: 4,
  /** Signatures that one thread is given at least: a thread that sleeps takes as long to wake as one takes to check. */
  verifyShareMin: 8,
  /** Signatures beyond the first of their turn before threads are started for them, which takes as long as hundreds of checks. */
  verifyThreadsFrom: 64,
  /** One segment of the filter of claims: 64 KiB, ten bits a claim, so that one in a hundred "perhaps" is false. */
  claimFilterBits: 524_288,
  claimFilterClaimsMax: 50_000,
  /** Segments of one space: 4 MiB. Beyond three million claims every write asks the disk. */
  claimFilterSegmentsMax: 64,
  /** Own writes queued for the next group commit: beyond it `assert` waits. */
  writeQueueMax: 10_000,
  /** Ingest batches queued per space before senders are slowed down. */
  ingestQueueBytesMax: 8 * MiB,

  // --- Store ---

  /** One key: a predicate, a subject, and four hashes fit twice. Short keys keep the index small. */
  storeKeyBytesMax: 4 * KiB,
  /** Batches that wait for the disk are written as one up to this size: beyond it, a sync costs little. */
  storeGroupBytesMax: 4 * MiB,
  /** A range is read in pages of about this size: bounds memory, and the pause of a page in a browser. */
  storePageBytes: MiB,
  storePageRowsMax: 1024,
  /** Tables that Node checks before it opens its store, two million assertions; the others in the background. */
  storeCheckBytes: 256 * MiB,
  /** Runs that an audit holds at once: at most 4 MiB, and enough signatures for all threads. */
  auditRunsMax: 64,
  /** Damaged runs that a running peer asks others for: with more, the disk is to be replaced and the store repaired. */
  lostRunsMax: 1000,
  /** Damaged places of a space that an audit names one by one; the others are counted. */
  auditDamageMax: 1000,

  /** The browser's store: rows in memory and log before they become a table. Opening reads as much. */
  storeMemoryBytes: 2 * MiB,
  /** One step of a merge: the room that it takes on a full disk, and its work if the tab ends. */
  storePartBytes: MiB,
  /** One read: a browser takes half a millisecond for it, most of it not for the bytes. */
  storeBlockBytes: 32 * KiB,
  /** Rows merged before everything else has its turn: about a millisecond. */
  storeSliceBytes: 128 * KiB,
  /** Tables of one size that are merged: a row is written again once per class, a read sees three of each. */
  storeMergeWidth: 4,
  /** Beyond so many tables writers wait for merges: three of each of five sizes hold a gigabyte. */
  storeTablesMax: 40,
  /** Blocks read ahead of somebody who reads on. */
  storeReadAheadBlocks: 4,
  /** Indexes and filters, a fiftieth of what is stored; and blocks. */
  storeIndexCacheBytes: 8 * MiB,
  storeBlockCacheBytes: 8 * MiB,

  /** A browser that has not opened the store by then has a frozen tab that holds it. */
  storeOpenTimeoutMs: 10 * SECOND,
  /** A tab must not write when it wakes up after so many others have opened its store. A row of its log for each. */
  storeWritersFenced: 1_000,

  // --- Wire ---

  /** One frame of a stream. Holds sixteen full runs; one frame is one allocation. */
  frameBytesMax: MiB,
  /** Bytes that a stream's writer may be ahead of its reader: two of the largest frames. */
  streamWindowBytes: 2 * MiB,
  /** One gossip message: several runs, far below gossipsub's own bound. */
  gossipBytesMax: 256 * KiB,
  /** Own writes within this time travel in one gossip message (a lone write is sent at once). */
  pushCoalesceMs: 3,
  /** Runs in one chunk of a pull; with maxBytes the bound on one frame. */
  chunkRunsMax: 4096,
  /** Payload bytes of one chunk: leaves a quarter of the frame for the framing. */
  chunkBytesMax: 768 * KiB,
  /** Ids in one Fetch (STS-13). */
  fetchIdsMax: 1000,
  /** Ranges in one Pull. */
  pullRangesMax: 1000,
  /** Known points of one range: tips and exponentially spaced seqs. */
  haveMax: 32,
  /** Cells in an answer to Roots: enough to read about ten differing tips at once. */
  rootsCells: 16,
  /** Counts in an answer to Roots: a byte each, they tell the size of a larger difference within a fifth. */
  rootsCounts: 64,
  /** Trie prefixes in one Nodes request. */
  nodePrefixesMax: 256,
  /** Authors in one digest's clock delta. */
  clockEntriesMax: 1000,
  /** Bits of a Bloom filter (8 KiB). */
  bloomBitsMax: 65_536,
  bloomBitsMin: 64,
  bloomHashesMax: 44,
  /** A digest over this many bytes is compressed; unpacked it may have at most `digestBytesMax`. */
  digestCompressBytesMin: KiB,
  digestBytesMax: 128 * KiB,
  /** Requests of one peer that are served at the same time. */
  requestsServedPerPeerMax: 32,
  /** Requests to one peer under way at the same time. */
  requestsOpenPerPeerMax: 32,
  /** Sync requests of one peer per second before it is told Busy. */
  requestsPerSecondMax: 400,
  /** Sync requests of all peers per second; beyond it each peer gets an equal share, but never less than the minimum. */
  requestsPerSecondAllMax: 2000,
  requestsPerSecondMin: 20,
  /**
   * Requests of one peer in a second from which on it ignores what Busy says: who obeys may have as many syncs
   * as spaces under way, and pauses with each. It is a fault, and so are every so many more.
   */
  requestsIgnoringMin: 800,
  requestsIgnoringStep: 100,
  /** After a stream that ended with nothing on it no other is opened to the peer for so long, whichever space wants one. */
  streamRestMs: 2 * SECOND,
  /** Streams of one peer that are served: one is in use, a reconnect may overlap. */
  streamsServedPerPeerMax: 4,
  /** Chunks of a pull that a responder may be ahead of the requester: one under way, one being taken in. */
  chunksAheadMax: 2,
  /** Pulls and fetches that are read from the store side by side: each reads ahead up to 4 MiB of blocks. */
  seatsMax: 32,
  /** Pulls and fetches of all peers that are open, and the bytes of their requests: bounds what waits for a seat. */
  bulkOpenMax: 1024,
  bulkOpenBytesMax: 16 * MiB,
  /** A piece of work waits this long for its turn, then Busy says so: well below the deadline of a request. */
  turnWaitMsMax: 5 * SECOND,
  /** Work that takes longer than this goes on beside that of others; one piece of each peer at a time. */
  turnHoldMs: 100,
  /** Time costs too, at about a fifth of the rate at which runs are read: looking for what is not there is not free. */
  turnCostBytesPerMs: 16 * KiB,
  /** Work that waits, or an answer that its stream does not take, is contention only after this long. */
  contendedMsMin: 20,
  /** A chunk that takes longer to be taken in is followed by smaller ones: each has the deadline of a request. */
  slowReaderMs: SECOND,
  /** Peers whose standing and debts are remembered across connections; the longest unused goes first. */
  accountsMax: 4096,
  /** Debt of one pull, in bytes for each assertion that it may bring. */
  pullEntryBytes: 512,
  /** Who owes more is not pulled from while somebody else may be asked. */
  pullDebtBytesMax: 10_000,
  /** What is owed either way is never more: bounds how long a past weighs. */
  pullDeficitBytesMax: MiB,
  /** Debts fade by so much per second while nothing is asked of the peer. */
  pullRecoveryBytesPerSecond: 512,
  /** Standing of a stranger, points lost per degree of severity, points regained per hour (semantics: 5 %, 1 %). */
  standingStart: 50,
  standingPerSeverity: 2.5,
  standingPerHour: 1,
  /** Below half of the start a peer is served as a stranger, whatever it is trusted; at 0 it is banned. */
  standingIsolatedBelow: 25,
  /** Asking too much never costs more than this: an honest peer with many spaces may do it. */
  standingLoadMin: 5,
  /** Bytes asked for in one pull; then the ranges are computed anew. */
  pullBytesMax: 8 * MiB,
  /** Chunks read in one pull: full ones are twelve, so more means that a peer wastes our time. */
  pullChunksMax: 256,
  /** Peers that one space pulls from at the same time: a few fill a line, the others stand by. */
  pullsPerSpaceMax: 4,
  /** Peers that take part in one pull or stand by for it; more wait until one has finished. */
  pullPeersMax: 8,
  /** A pull gives way to peers that wait after this long; who but waits for others looks again at its peer. */
  pullHoldMs: 30 * SECOND,
  /** A pull is split between peers from so much on: below, asking costs more than it saves. */
  pullSplitAssertionsMin: 1024,
  pullSplitBytesMin: 2 * MiB,
  /** Chains up to this many are cut along time; more are dealt out whole, which needs no outline. */
  pullSplitChainsMax: 8,
  /** One peer's piece of a split pull: small enough that a quick peer takes more, and little waits for a slow one. */
  pullPieceAssertionsMin: 64,
  pullPieceAssertionsMax: 1024,
  pullPieceBytesMax: MiB,
  /** What is fetched ahead of what it may wait for: half of the pending set, so that it never fills. */
  pullAheadAssertionsMax: 4096,
  pullAheadBytesMax: 8 * MiB,
  /** A peer that brings nothing for this long, while another has nothing to do, loses its piece to that one. */
  pullPatienceMs: 5 * SECOND,
  /** Such a peer, and one that left out what it promised, is passed over for this long while there are others. */
  pullBarMs: 60 * SECOND,
  /** Cuts in one outline of a pull, chain ends in all of them (200 KiB), and runs looked at for it. */
  outlineCutsMax: 256,
  outlineEndsMax: 4096,
  outlineRunsMax: 65_536,
  /** Unknown tips collected in one round of a sync; the rest comes in the next. */
  diffEntriesMax: 10_000,
  /** Runs that a responder follows back along the branches of one forked chain, for one pull. */
  forkWalkRunsMax: 4096,
  /**
   * Small runs of one chain are served as one when they lie so close, or are so old. The whole is held
   * where it comes from the future there: so a slow clock delays the older part by no more than this.
   */
  joinSpanMs: MINUTE,
  joinAgeMs: 10 * MINUTE,
  /** Own runs queued for push; beyond it peers are told to pull. */
  pushQueueBytesMax: 4 * MiB,
  /** Erased payloads asked for in one round. */
  wantedPerRoundMax: 100,
  /** Faults of a peer (garbage, lies, floods) within `offenceTtlMs` before it is banned for `banMs`, whatever its connections. */
  offencesMax: 5,
  /** Faults that a sync frame counts for which cannot be read: each needs a stream of its own, so it takes time to send five. */
  offencesPerBadFrame: 2,
  offenceTtlMs: 10 * MINUTE,
  /** Peers that a digest goes to. */
  digestFanOutMin: 3,
  digestFanOutMax: 10,
  /** Nonces remembered per peer, and for how long. */
  noncesPerPeerMax: 256,
  nonceTtlMs: 10 * MINUTE,
  /** Spaces that one peer serves. */
  spacesMax: 256,

  // --- Time ---

  /** Anti-entropy with one random peer per space. */
  antiEntropyMs: 5 * SECOND,
  /** Digests: this long plus 0 to `digestJitterMs` after the last. */
  digestMs: 10 * SECOND,
  digestJitterMs: 2 * SECOND,
  /** Between the digests of one round: building one of 8,192 ids takes 10 to 25 ms. */
  digestSpreadMs: 20,
  /** After this long without news both become rarer, by half with each such time, down to these. */
  quietMs: 15 * SECOND,
  digestQuietMs: MINUTE,
  antiEntropyQuietMs: 30 * SECOND,
  pingQuietMs: 2 * MINUTE,
  /** At most one digest per peer and space is handled in this time. */
  digestHandleMs: 5 * SECOND,
  /** Digests that one space judges per second, of all peers: each may cost 8,192 look-ups. */
  digestsPerSecondMax: 20,
  /** Roots after news go to every peer within this time, and at most once a second each. */
  newsJitterMs: 300,
  newsIntervalMs: SECOND,
  /** Own writes and pushed news are checked against the peers' roots once there is quiet for this long. */
  newsQuietMs: 300,
  /** Peers told of news; anti-entropy does the rest. */
  newsPeersMax: 16,
  /** Sync with a caller whose root differs waits this long: what is under way arrives by itself. */
  syncReplyMs: 50,
  /** Wait between attempts to sync with a peer where it failed. */
  syncRetryMsMin: 500,
  syncRetryMsMax: 30 * SECOND,
  /** Each side looks this often whether a connection is dead: each look opens a stream and costs half a kilobyte. */
  connectionPingMs: 30 * SECOND,
  /** Round trips that the status shows. */
  roundTripMs: MINUTE,
  /** Liveness and clock of each connected peer. */
  pingMs: 30 * SECOND,
  /** Gauges of sync are set anew: several times within the two minutes that alerts look back. */
  reportMs: 15 * SECOND,
  /** Longest wait for a change of a peer's flushed root; below the deadline of a request. */
  flushedWaitMs: 5 * SECOND,
  /** Deadline of one request on a sync stream, renewed by each chunk of a stream of chunks. */
  requestTimeoutMs: 10 * SECOND,
  /** Deadline of a dial, WebRTC signalling included. */
  dialTimeoutMs: 15 * SECOND,
  /** Deadline of one address of several: those that nobody answers must leave time for the others. */
  addressDialTimeoutMs: 6 * SECOND,
  /** Rounds of one sync session before it gives up until the next tick. */
  syncRoundsMax: 64,
  /** What was not written durably is flushed within this time. */
  flushMs: SECOND,
  /** A pause in the writes this long flushes at once: a lone fact counts as a replica soon. */
  flushQuietMs: 20,
  /** A message that pull brought this recently is still passed on when push brings it again. */
  pulledRecentlyMs: 30 * SECOND,
  /** First and longest wait between attempts to reach a kept address. */
  redialMsMin: 500,
  redialMsMax: 30 * SECOND,
  /** The leader tab says that it lives this often; silent this long, it is taken over. */
  tabHeartbeatMs: SECOND,
  tabTakeoverMs: 4 * SECOND,

  // --- People and programs ---

  /** An invite without other wish is good for a week. */
  inviteTtlMs: 7 * 24 * 60 * MINUTE,
  inviteAddressesMax: 16,
  /** One address, in UTF-8 bytes: one with two hashes of certificates, through a relay, has about 350. */
  addressBytesMax: 512,
  /** Body of one HTTP request. */
  httpBodyBytesMax: 8 * MiB,
  /** Silence on an event stream before a heartbeat: below the idle time-outs of common proxies. */
  httpHeartbeatMs: 15 * SECOND,
  /** One HTTP request waits at most this long for replicas; the client asks again. */
  httpWaitMsMax: 30 * SECOND,
  /** Ports tried after the wished one when that is taken and nobody insisted on it. */
  portAttemptsMax: 20,
  /** A command waits this long for another short command that has the store open. */
  storeLockWaitMs: 5 * SECOND,
  /** One line of an imported file: JSON may write a byte of a full assertion as six. */
  importLineBytesMax: 512 * KiB,
  /** Bad rows that an import prints; the rest is counted. */
  importProblemsShownMax: 20,
  /** Assertions that an import has under way: enough to share one sync, few enough to stop soon. */
  importWritesOpenMax: 16,
  /** Rows of one HTTP answer or UI table page. */
  pageRowsMax: 1000,
  /** Claims that the web app's table holds; beyond it one filters. Bounds what a tab copies at once. */
  tableClaimsMax: 20_000,
  /** Changes queued for one slow watcher; beyond it the watcher starts again from a snapshot. */
  watchQueueMax: 4096,
  /** Log lines that name one peer, and those of one message, in a minute: others decide how many there would be. */
  logWindowMs: MINUTE,
  logLinesPerPeerMax: 20,
  logLinesPerMessageMax: 200,
  /** Peers and messages whose lines are counted; the one whose minute began first goes. */
  logTalliesMax: 4096,
  /** Peers kept connected: Node and browser. */
  connectionsNodeMax: 300,
  connectionsBrowserMax: 100,

  // --- The network adapter ---

  /** Peers that are gone are looked for this often: each costs up to 64 KiB until then. */
  forgetPeersMs: MINUTE,
  /** Streams of one protocol per connection and direction: one is kept open, a few come and go. */
  streamsPerProtocolMax: 64,
  /** Inbound connections not yet encrypted; a handshake takes milliseconds. */
  connectionsPendingMax: 64,
  /** Connections that one host may open per second: a household or an office sits behind one address. */
  connectionsPerHostPerSecondMax: 50,
  /** Dials under way at the same time: each may hold a socket or a WebRTC connection. */
  dialsMax: 16,
  /** Addresses tried for one peer. */
  addressesPerPeerMax: 16,
  /** Addresses that are kept connected. */
  keptAddressesMax: 64,
  /** Peers refused on return; the oldest gives way. */
  bansMax: 4096,
  /** A peer that sent what gossip must reject stays away this long. */
  banMs: 10 * MINUTE,
  /** Browsers that one Node peer signals for, and what one circuit may carry: signalling only. */
  relayReservationsMax: 1000,
  relayCircuitBytesMax: 128 * KiB,
  relayCircuitMsMax: 2 * MINUTE,
  /** Node peers through which one browser can be reached at the same time. */
  relaysMax: 2,
  /** Wait between looks whether a relay reservation is missing. */
  relayCheckMsMin: SECOND,
  relayCheckMsMax: 30 * SECOND,
  /** Peers that one Node peer introduces to another, and how soon after a change. */
  introducedPeersMax: 64,
  introduceDelayMs: 50,
  /** Introduced peers that are dialled: with this many neighbours gossip reaches everybody in a few hops. */
  neighboursMax: 16,
  /** Between two rounds of introductions: who comes and goes by the second does not make a peer write to all others. */
  introduceEveryMs: 500,
  /** Of two introduced peers the one with the smaller id dials; the other only after this long. */
  introduceTurnMs: 3 * SECOND,
  /**
   * Gossip of one peer, and of all, that waits for its verdict; more is ignored, and pull repairs it. Decoded it
   * takes twenty times the room and more: a flood must not fill a small machine. One message each has in any case.
   */
  gossipPendingBytesMax: 2 * MiB,
  gossipPendingAllBytesMax: 4 * MiB,
  gossipPendingMax: 4096,
  /** Bytes queued for one slow peer before its gossip stream is opened anew. */
  gossipSendBytesMax: 8 * MiB,
  /** One gossip envelope: several messages may answer one request for missed ones. */
  gossipEnvelopeBytesMax: 4 * MiB,
  /** Topics of one peer, in bytes of bookkeeping (1 KiB and the name each): about 256. */
  gossipTopicBytesMax: 300 * KiB,
  /** Ids of seen messages are remembered this long. Known messages are ignored anyway. */
  gossipSeenMs: 30 * SECOND,
} as const;

export type TrustClass = 'isolated' | 'known' | 'partner' | 'federated';

export interface ClassLimits {
  /** Trust from which on a peer is of this class. */
  readonly trustMin: number;
  /** Weight in the fair queue, and the size of a chunk, while others wait. A whole run is always sent. */
  readonly pullBytes: number;
  /** Pulls and fetches that are served at the same time while others wait. */
  readonly outstandingMax: number;
  /** What Busy names, and how long a peer is left alone after a failed pull. */
  readonly backoffMsMin: number;
  readonly backoffMsMax: number;
}

/** By trust, lowest first. They bind under contention only (docs/decisions/0010). */
export const classLimits: Readonly<Record<TrustClass, ClassLimits>> = {
  isolated: {
    trustMin: 0,
    pullBytes: 64 * KiB,
    outstandingMax: 1,
    backoffMsMin: 1500,
    backoffMsMax: 5000,
  },
  known: { trustMin: 0.1, pullBytes: 256 * KiB, outstandingMax: 2, backoffMsMin: 800, backoffMsMax: 2500 },
  partner: { trustMin: 0.4, pullBytes: MiB, outstandingMax: 3, backoffMsMin: 300, backoffMsMax: 1200 },
  federated: { trustMin: 0.7, pullBytes: MiB, outstandingMax: 3, backoffMsMin: 300, backoffMsMax: 1200 },
};
