/** What both entries of the SDK export: the interface that applications see, and its errors. */
export type { ErrorCode } from './base/errors.ts';
export { ADVICE, AverError, isAverError } from './base/errors.ts';
export { consoleLog, silentLog } from './base/log.ts';
export type { Log, LogLevel, MetricSample, Transport } from './base/ports.ts';
export { VERSION } from './base/version.ts';
export type {
  AbortOptions,
  AssertReceipt,
  ClaimInput,
  ConnectionStatus,
  CreateSpaceOptions,
  Fact,
  Hex,
  HlcText,
  ImportReport,
  Invite,
  InviteOptions,
  Peer,
  PeerEvents,
  PeerInfo,
  PeerStatus,
  Query,
  Relation,
  Resolution,
  SettledOptions,
  Space,
  SpaceEvents,
  SpaceStatus,
  StorageStatus,
  TrieComparison,
  TrieNodeView,
  Value,
  WatchEvent,
} from './peer/api.ts';
