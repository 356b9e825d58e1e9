/** The bounds of a log-structured store. Tests make them small, so that everything happens often. */
import { limits } from '../../base/limits.ts';

export type Sizes = Readonly<
  Record<
    Extract<
      keyof typeof limits,
      | 'storeMemoryBytes'
      | 'storePartBytes'
      | 'storeBlockBytes'
      | 'storeSliceBytes'
      | 'storeMergeWidth'
      | 'storeTablesMax'
      | 'storeReadAheadBlocks'
      | 'storeIndexCacheBytes'
      | 'storeBlockCacheBytes'
    >,
    number
  >
>;

export const usualSizes: Sizes = limits;
