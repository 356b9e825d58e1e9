/** The program `aver`: its commands, its common options, and how it ends. */
import { Command, CommanderError } from 'commander';
import { AverError } from '../../../src/base/errors.ts';
import type { Flags } from '../config.ts';
import { type CliIo, type Context, createContext } from './context.ts';
import { addDoctorCommand } from './doctor-command.ts';
import { EXIT_CODE_HELP, exitCodeOf, exitCodes } from './exit-codes.ts';
import { addFactCommands } from './fact-commands.ts';
import { addFileCommands } from './file-commands.ts';
import { Output } from './output.ts';
import { addPeerCommands } from './peer-commands.ts';
import { addRepairCommand } from './repair-command.ts';
import { addSpaceCommands } from './space-commands.ts';
import { addStartCommands } from './start-commands.ts';
import { addVerifyCommand } from './verify-command.ts';
import { addWatchCommand } from './watch-command.ts';

/** Options of one command as commander gives them; each command knows its own. */
export type Options = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

export interface CommandSpec {
  /** Name and arguments: `put <subject> <predicate> <object>`. */
  readonly usage: string;
  readonly summary: string;
  readonly examples: readonly string[];
  /** Adds `--space`. */
  readonly ofSpace?: boolean;
  readonly options?: (command: Command) => Command;
  readonly run: (context: Context, args: readonly string[], options: Options) => Promise<void>;
}
export type AddCommand = (spec: CommandSpec) => void;

const SOURCES_HELP = `
Settings come from flags, else the environment (AVER_DATA, AVER_PORT, …), else config.json in the
data directory, else defaults. Commands talk to the peer that runs on the data directory, and open
the store themselves when none does. Data goes to stdout, messages go to stderr.
`;

/** Runs one command line; resolves with the exit code. */
export async function runCli(args: readonly string[], io: CliIo, version: string): Promise<number> {
  const json = args.includes('--json');
  const out = new Output(json, io.stdout, io.stderr, io.environment);
  try {
    await createProgram(io, version, json).parseAsync([...args], { from: 'user' });
    return exitCodes.ok;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return exitCodes.ok;
      // Without --json commander has printed it already, with the usage.
      if (json) out.error(new AverError('BAD_INPUT', error.message.replace(/^error: /, '')));
      return exitCodes.usage;
    }
    out.error(error);
    return exitCodeOf(error);
  }
}

function createProgram(io: CliIo, version: string, json: boolean): Command {
  const program = new Command('aver')
    .description('A shared memory for peers that do not have to trust each other.')
    .version(version)
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) => {
        if (!json) write(text);
      },
    })
    .addHelpText('after', SOURCES_HELP + EXIT_CODE_HELP);
  withCommonOptions(program);
  const add: AddCommand = (spec) => addCommand(program, io, spec);
  addStartCommands(add);
  addPeerCommands(add);
  addFactCommands(add);
  addWatchCommand(add);
  addFileCommands(add);
  addSpaceCommands(add);
  addVerifyCommand(add);
  addRepairCommand(add);
  addDoctorCommand(add);
  return program;
}

function addCommand(program: Command, io: CliIo, spec: CommandSpec): void {
  const command = program.command(spec.usage).description(spec.summary);
  spec.options?.(command);
  if (spec.ofSpace === true)
    command.option('-s, --space <name>', 'the space: its name, id, or the beginning of its id');
  withCommonOptions(command);
  command.addHelpText('after', `\nExamples:\n${spec.examples.map((line) => `  $ ${line}`).join('\n')}\n`);
  command.action(async () => {
    const args = command.processedArgs.flat() as string[];
    const options = command.optsWithGlobals() as Options;
    await spec.run(await createContext(io, options as Flags, options.json === true), args, options);
  });
}

function withCommonOptions(command: Command): void {
  command
    .option('-d, --data <dir>', 'the data directory (default: ~/.aver)')
    .option('--json', 'print JSON; one value a line where results are a stream')
    .option('--log-level <level>', 'debug, info, warn or error, on stderr');
}
