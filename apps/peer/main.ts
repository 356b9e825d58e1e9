#!/usr/bin/env node
/** The program `aver` (docs/cli.md). */
import { runProcess } from './process.ts';

process.exitCode = await runProcess(process.argv.slice(2));
