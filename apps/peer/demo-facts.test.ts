import { expect, test } from 'vitest';
import { lockToClaims } from './demo-facts.ts';

test('a lock file becomes facts; dependencies point at the package that Node would load', () => {
  const claims = lockToClaims({
    '': { name: 'aver', version: '1.0.0', dependencies: { a: '^1.0.0', gone: '1' } },
    'node_modules/a': { version: '1.2.0', license: 'MIT', dependencies: { '@s/b': '2' } },
    'node_modules/a/node_modules/@s/b': { version: '2.0.0', dev: true },
    'node_modules/@s/b': { version: '1.0.0', dependencies: { a: '*' } },
  });
  const told = (subject: string, predicate: string): unknown[] =>
    claims
      .filter((claim) => claim.subject === subject && claim.predicate === predicate)
      .map(({ object }) => object);
  expect(told('npm/aver@1.0.0', 'dependsOn')).toEqual(['npm/a@1.2.0']);
  expect(told('npm/a@1.2.0', 'dependsOn')).toEqual(['npm/@s/b@2.0.0']);
  expect(told('npm/@s/b@1.0.0', 'dependsOn')).toEqual(['npm/a@1.2.0']);
  expect(told('npm/@s/b@2.0.0', 'usedFor')).toEqual(['development']);
  expect(told('npm/a@1.2.0', 'licence')).toEqual(['MIT']);
  expect(told('npm/a@1.2.0', 'name')).toEqual(['a']);
});
