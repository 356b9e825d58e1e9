/** Records in memory, for the tests of the store above: they can be cut off, taken over, filled up, damaged. */
import { AverError } from '../../base/errors.ts';
import type { Change, Found, Records } from './records.ts';

interface State {
  readonly log: readonly Uint8Array[];
  readonly records: ReadonlyMap<number, Uint8Array>;
  readonly manifest: Uint8Array | undefined;
}

export class MemoryDisk {
  state: State = { log: [], records: new Map(), manifest: undefined };
  /** States since the last durable change, oldest first: a power cut leaves any of them. */
  survivors: State[] = [this.state];
  /** Changes with a table are refused with `STORE_FULL`. */
  isFull = false;
  /** Changes until the connection is cut; what is under way then is not done. */
  changesLeft = Number.POSITIVE_INFINITY;
  writer = 0;

  /** Takes over from whoever had it before. */
  open(): Found {
    this.changesLeft = Number.POSITIVE_INFINITY;
    const { manifest, log } = this.state;
    return { records: new MemoryRecords(this, ++this.writer), manifest, log };
  }

  apply(change: Change, durable: boolean): void {
    const { log, clearLog, put = [], remove = [], manifest } = change;
    const records = new Map(this.state.records);
    for (const [number, record] of put) records.set(number, record.slice());
    for (const [from, to] of remove) {
      for (const number of [...records.keys()]) if (number >= from && number <= to) records.delete(number);
    }
    const kept = clearLog ? [] : this.state.log;
    this.state = {
      log: log === undefined ? kept : [...kept, log.slice()],
      records,
      manifest: manifest?.slice() ?? this.state.manifest,
    };
    if (durable) this.survivors = [];
    this.survivors.push(this.state);
  }
}

class MemoryRecords implements Records {
  readonly failure = undefined;
  readonly #disk: MemoryDisk;
  readonly #writer: number;

  constructor(disk: MemoryDisk, writer: number) {
    this.#disk = disk;
    this.#writer = writer;
  }

  async commit(change: Change, durable: boolean): Promise<void> {
    await this.pause();
    const disk = this.#disk;
    if (disk.writer !== this.#writer) throw new AverError('STORE_FENCED', 'Taken over.');
    if (disk.isFull && change.put !== undefined) throw new AverError('STORE_FULL', 'Full.');
    if (--disk.changesLeft < 0) throw new AverError('STORE_FAILED', 'Cut off.');
    disk.apply(change, durable);
  }

  async read(numbers: readonly number[]): Promise<(Uint8Array | undefined)[]> {
    await this.pause();
    return numbers.map((number) => this.#disk.state.records.get(number)?.slice());
  }

  pause(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  close(): void {
    // There is nothing to let go of.
  }
}
