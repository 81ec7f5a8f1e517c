// Runs the official conformance suite against a server and names what is not as it should be.
//
//   node conformance.mjs URL OUT [EXPECTED]
//
// EXPECTED has a line for each check that may fail, scenario:check, with * for what may stand at an end, and reasons
// after a #. A line that nothing needs is a mistake, too.
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [url, out, expectedFile] = process.argv.slice(2);
const entry = join(dirname(fileURLToPath(import.meta.url)), 'node_modules/@modelcontextprotocol/conformance/dist/index.js');
const expected = new Map((expectedFile ? readFileSync(expectedFile, 'utf8') : '').split('\n')
  .map(l => l.replace(/#.*/, '').trim()).filter(Boolean).map(l => [l, 0]));
const fits = (pattern, name) => (pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern);
let passed = 0, allowed = 0;
const wrong = new Map();
for (const set of [['--requirements', '2026-07-28'], ['--requirements', '2025-11-25'], ['--suite', 'pending']]) {
  const dir = join(out, set[1]);
  const ran = spawnSync(process.execPath, [entry, 'server', '--url', url, ...set, '-o', dir], { encoding: 'utf8', maxBuffer: 1 << 28 });
  const files = globSync(join(dir, 'server-*/checks.json'));
  if (files.length < 15) wrong.set(`${set[1]}: only ${files.length} scenarios ran`, `${ran.stdout}${ran.stderr}`.slice(-500));
  for (const file of files.sort()) {
    const scenario = basename(dirname(file)).slice('server-'.length, -'-2026-01-01T00-00-00-000Z'.length);
    for (const check of JSON.parse(readFileSync(file))) {
      if (check.status === 'SUCCESS') passed++;
      if (check.status !== 'FAILURE' && check.status !== 'WARNING') continue;
      const name = `${scenario}:${check.id}`;
      const line = [...expected.keys()].find(l => {
        const [s, c] = l.split(':');
        return fits(s, scenario) && fits(c, check.id);
      });
      if (line) { expected.set(line, expected.get(line) + 1); allowed++; continue; }
      wrong.set(name, `${check.status} ${check.errorMessage ?? ''}`);
    }
  }
}
for (const [line, uses] of expected) if (uses === 0) wrong.set(line, 'is expected to fail, and does not');
for (const [name, why] of wrong) console.log(`${name}: ${why}`);
console.log(`conformance: ${passed} checks passed, ${allowed} failed as expected, ${wrong.size} are wrong`);
process.exit(wrong.size ? 1 : 0);
