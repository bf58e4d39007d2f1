/*
 * The real launcher with real Node-RED 5 and 4.1 against a stand-in storage server with faults. Run by
 *   node --test plugins tests/e2e/runtime.test.mjs
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';

import { Runtime, documentFor } from '../../plugins/test/runtime.mjs';
import { stack } from '../../plugins/test/stacks.mjs';
import { standIn } from '../../plugins/test/standin.mjs';

const sha256 = (text) => createHash('sha256').update(text).digest('hex');

for (const major of [5, 4]) {
  describe(`Node-RED ${major}`, () => {
    test('starts, deploys with the author and the exact text, and ends on SIGTERM', async () => {
      const server = await standIn();
      const rt = await Runtime.start(stack(major), documentFor(server));
      try {
        const hello = await rt.event('hello');
        assert.match(hello.nodeRed, new RegExp(`^${major}\\.`));
        await rt.event('ready');
        const flows = [{ id: 'tab1', type: 'tab', label: 'ü ☃', 10: 1.50, 9: -0 }];
        const deployed = await rt.deploy(flows);
        assert.equal(deployed.status, 200, deployed.text);
        assert.equal(deployed.json.rev, sha256(server.state.flows));
        assert.deepEqual(server.state.deploys, [{ user: 'ada', rev: deployed.json.rev, credentials: false }]);
        assert.equal((await rt.event('deploy')).rev, deployed.json.rev);
      } finally {
        assert.deepEqual(await rt.stop(), { code: 0, signal: null }, rt.report());
        assert.ok(rt.events.some((e) => e.event === 'stopping'));
        await server.away();
      }
    });
  });
}
