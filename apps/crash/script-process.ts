/** The script in a process of its own, for a disk that fails below LevelDB. */
import { writeSync } from 'node:fs';
import { openLevelDb } from '../../src/store/leveldb.ts';
import { runScript } from './script.ts';

const directory = process.argv[2] as string;
const tell = (line: object) => writeSync(1, `${JSON.stringify(line)}\n`);
const codes = await runScript({ openStore: () => openLevelDb({ directory }), say: tell });
tell({ type: 'codes', codes });
process.exit(0);
