/** What was used lately, of bounded number; the rest is forgotten. */
import { LRUCache } from 'lru-cache';

/** The cache takes room as it fills. Told `max` alone, lru-cache takes all of it at once: 80 bytes an entry. */
export function recentlyUsed<K extends {}, V extends {}>(max: number): LRUCache<K, V> {
  return new LRUCache<K, V>({ maxSize: max, sizeCalculation: () => 1 });
}
