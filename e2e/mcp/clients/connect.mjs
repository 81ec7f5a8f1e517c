// How each of the three clients reads and calls: all that chain.mjs needs of them.
import { Client as ClientV2, StreamableHTTPClientTransport as TransportV2 } from '@modelcontextprotocol/client';
import { createTaskSessionFromClient, createTaskSessionEndpointId, DispatchError } from '@modelcontextprotocol/ext-tasks/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

// A gateway that asks for a token is shown this one.
const headers = process.env.LIGASE_TOKEN ? { Authorization: `Bearer ${process.env.LIGASE_TOKEN}` } : {};
const info = { name: 'ligase-e2e', version: '1.0.0' };

// v1 speaks 2025-11-25, with a session.
async function v1(url) {
  const client = new ClientV1(info, { capabilities: {} });
  const transport = new TransportV1(new URL(url), { requestInit: { headers } });
  await client.connect(transport);
  return {
    era: transport.protocolVersion,
    list: async () => (await client.listTools()).tools,
    read: uri => client.readResource({ uri }),
    call: (name, args) => client.callTool({ name, arguments: args }, undefined, { timeout: 60_000 }),
    close: async () => { if (transport.sessionId) await transport.terminateSession(); await client.close(); },
  };
}

// v2 negotiates 2026-07-28.
async function v2(url) {
  const client = new ClientV2(info, { capabilities: {}, versionNegotiation: { mode: 'auto' } });
  await client.connect(new TransportV2(new URL(url), { requestInit: { headers } }));
  return {
    era: client.getNegotiatedProtocolVersion(),
    list: async () => (await client.listTools()).tools,
    read: uri => client.readResource({ uri }),
    call: (name, args) => client.callTool({ name, arguments: args }, { timeout: 60_000 }),
    close: () => client.close(),
  };
}

// tasks is v2 with the extension: a submit is a task, which it follows to its end.
async function tasks(url) {
  const capabilities = {};
  const version = '2026-07-28';
  const client = new ClientV2(info, { capabilities, versionNegotiation: { mode: { pin: version } } });
  await client.connect(new TransportV2(new URL(url), { requestInit: { headers } }));
  let id = 0;
  // The extension frames its requests; the client's own decoder knows no tasks, so they are put on the wire here.
  async function rawDispatch(request, options = {}) {
    const body = { jsonrpc: '2.0', id: `raw-${++id}`, ...request };
    const named = request.method === 'tools/call' ? { 'Mcp-Name': request.params.name } : {};
    let response;
    try {
      response = await fetch(url, { method: 'POST', signal: options.signal, body: JSON.stringify(body), headers: {
        'Content-Type': 'application/json', Accept: 'application/json, text/event-stream', 'MCP-Protocol-Version': version,
        'Mcp-Method': request.method, ...headers, ...named, ...options.context?.headers } });
    } catch (e) {
      throw new DispatchError(`network: ${e.message}`, true, { cause: e });
    }
    const text = await response.text();
    const messages = text.startsWith('{') ? [JSON.parse(text)]
      : text.split(/\r?\n/).filter(l => l.startsWith('data:')).map(l => l.slice(5).trim()).filter(Boolean).map(l => JSON.parse(l));
    const answer = messages.find(m => m.id === body.id && ('result' in m || 'error' in m));
    if (!answer) throw new DispatchError(`HTTP ${response.status}: no answer: ${text.slice(0, 300)}`);
    return 'error' in answer ? { kind: 'error', error: answer.error } : { kind: 'result', result: answer.result };
  }
  const session = createTaskSessionFromClient(client, {
    endpointId: await createTaskSessionEndpointId('e2e', { url }), rawDispatch,
    v2RequestFraming: { protocolVersion: version, clientInfo: info, clientCapabilities: capabilities },
  });
  const followed = [];
  return {
    era: `${version} with tasks`, followed,
    list: async () => (await client.listTools()).tools,
    read: uri => client.readResource({ uri }),
    call: async (name, args) => {
      const execution = await session.callTool(name, args);
      if (execution.kind === 'task') followed.push(execution.handle.taskId);
      const { outcome } = await execution.settle();
      if (outcome.status !== 'completed') throw new Error(`${name}: the task ended ${outcome.status}: ${outcome.error?.message}`);
      return outcome.result;
    },
    close: async () => { await session.close(); await client.close(); },
  };
}

export const clients = { v1, v2, tasks };
