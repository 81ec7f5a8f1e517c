// What an agent does, by a client that others wrote: chain single steps by URI, call a pipeline as one tool, find out
// why a run failed.
//
//   node chain.mjs URL v1|v2|tasks STRUCTURE_URI
//
// It prints what it did, and how many calls and bytes of replies the chain took; it fails when that is too much.
import assert from 'node:assert/strict';
import { clients } from './connect.mjs';

const [url, which, structure] = process.argv.slice(2);
const MOST_CALLS = 12, MOST_BYTES = 24 * 1024;
const client = await clients[which](url);
let calls = 0, waits = 0, bytes = 0;

const counted = (what, result) => {
  calls++;
  bytes += JSON.stringify(result).length;
  if (process.env.VERBOSE) console.log(`  ${what}: ${JSON.stringify(result).length} bytes`);
  return result;
};
async function call(name, args) {
  const result = counted(name, await client.call(name, args));
  // Each form of an answer stands for itself.
  assert.ok(result.content[0].text.length > 0, `${name} has no text`);
  assert.equal(typeof result.structuredContent, 'object', `${name} has no structured content`);
  return result;
}
// run submits, polls as it is told, and gives the summary. A client with tasks has it at once.
async function run(tool, args) {
  const submitted = await call(`submit_${tool}`, args);
  assert.ok(submitted.isError !== true || which === 'tasks', submitted.content[0].text);
  let { run_id, status, metrics, output_uris } = submitted.structuredContent;
  assert.match(run_id, /^run-/, submitted.content[0].text);
  if (output_uris || submitted.structuredContent.error) return submitted.structuredContent;
  while (!['succeeded', 'failed', 'cancelled'].includes(status)) {
    const began = Date.now();
    const state = (await call('get_run_status', { run_id, wait_seconds: 25 })).structuredContent;
    assert.ok(JSON.stringify(state).length <= 600, `a status of ${JSON.stringify(state).length} bytes`);
    status = state.status;
    // One that waited as long as it may says how fast the machine is, not how many calls the chain needs.
    if (Date.now() - began >= 24_000 && ['pending', 'running'].includes(status)) calls--, waits++;
  }
  const summary = await call('fetch_run_summary', { run_id });
  assert.ok(JSON.stringify(summary.structuredContent).length <= 4096, 'a summary over 4 KB');
  return summary.structuredContent;
}
const one = uri => (typeof uri === 'string' ? uri : uri.uris[0]);

const tools = (await client.list()).map(t => t.name);
assert.ok(tools.includes('submit_design_and_fold') && tools.includes('get_run_status'), `the tools are ${tools}`);

const catalog = counted('catalog', await client.read('resource://catalog'));
assert.ok(catalog.contents.some(c => c.mimeType === 'text/markdown' && c.text.includes('`fold`')));
const designed = await run('design', { structure_uri: structure, num_sequences: 2 });
assert.equal(designed.status, 'succeeded');
const folded = await run('fold', { sequence_uri: one(designed.output_uris.sequences), models: 2 });
assert.equal(folded.status, 'succeeded');
const scored = await run('score', { model_uri: one(folded.output_uris.structure), reference_uri: structure });
assert.equal(scored.status, 'succeeded');
assert.ok(scored.metrics.tm_score > 0, `the metrics are ${JSON.stringify(scored.metrics)}`);
console.log(`${which} (${client.era}): the chain took ${calls} calls (and waited ${waits} times more) and ${bytes} bytes of replies; at most ${MOST_CALLS} and ${MOST_BYTES} are meant`);
assert.ok(calls <= MOST_CALLS, `${calls} calls`);
assert.ok(bytes <= MOST_BYTES, `${bytes} bytes`);

const whole = await run('design_and_fold', { structure_uri: structure, num_sequences: 2, client_request_id: `${which}-whole` });
assert.equal(whole.status, 'succeeded');
assert.match(one(whole.output_uris.best), /^(file|s3):/);
console.log(`${which}: design_and_fold gave ${one(whole.output_uris.best).split('/').pop()}, ${whole.progress.done}/${whole.progress.total} done`);

// Held runs start nothing; let go, they go on. A client with tasks would wait for the end of this one.
if (which !== 'tasks') {
  const { run_id } = (await call('submit_campaign', { length: 40, num_backbones: 2, num_sequences: 2 })).structuredContent;
  assert.equal((await call('suspend_run', { run_id })).structuredContent.suspended, true);
  const resumed = await call('resume_run', { run_id });
  assert.ok(!resumed.isError && !resumed.structuredContent.suspended, resumed.content[0].text);
  const ending = await call('cancel_run', { run_id });
  assert.ok(!ending.isError, ending.content[0].text);
}

const failed = await run('broken', { sequence: 'MQIFVKTLTGKTITLE' });
assert.equal(failed.status, 'failed');
assert.equal(failed.error.code, 'exit');
assert.equal(failed.error.exit_code, 7);
assert.match(failed.error.log_snippet, /wrong phase/);
assert.ok(failed.error.hint.length > 0);
const log = await call('get_run_logs', { run_id: failed.run_id });
assert.equal(log.structuredContent.untrusted, true);
console.log(`${which}: the failing run says ${failed.error.code} ${failed.error.exit_code}: ${failed.error.hint}`);

const bad = await client.call('submit_fold', { sequence_uri: '/home/me/my.fasta', moddels: 3 });
assert.equal(bad.isError, true);
assert.match(bad.content[0].text, /moddels/);
if (client.followed) assert.ok(client.followed.length >= 5, `only ${client.followed.length} submits were tasks`);
await client.close();
