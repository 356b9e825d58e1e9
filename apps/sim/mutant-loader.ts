/** Loaded before the simulator: plants the mutant that the environment names while its file is read. */
import { registerHooks } from 'node:module';
import { MUTANTS, plant } from './mutants.ts';

const chosen = MUTANTS.find(({ name }) => name === process.env.AVER_MUTANT);
if (chosen === undefined) throw new Error(`There is no mutant "${process.env.AVER_MUTANT}".`);
const url = new URL(`../../src/${chosen.file}`, import.meta.url).href;

registerHooks({
  load(address, context, nextLoad) {
    const loaded = nextLoad(address, context);
    if (address !== url || loaded.source == null) return loaded;
    const { source } = loaded;
    const text = typeof source === 'string' ? source : new TextDecoder().decode(source);
    return { ...loaded, source: plant(chosen, text) };
  },
});
