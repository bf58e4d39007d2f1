import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';

import { INSTANCE, KEY, identity } from '../../testing/standin.mjs';

const { createAuth, verify } = createRequire(import.meta.url)('../index.js');
const options = { identityKey: KEY.toString('base64url'), instance: INSTANCE, loginUrl: '/.redhouse/login' };

test('a header that the proxy signed is who it says', () => {
  assert.deepEqual(verify(identity({ p: 'read' }), KEY, INSTANCE), { user: 'ada', permissions: 'read', name: 'Ada' });
  assert.deepEqual(verify(identity({ p: '' }), KEY, INSTANCE), { user: 'ada', permissions: null, name: 'Ada' });
});

test('a header with any character changed, dropped or added is nobody', () => {
  const good = identity();
  for (let i = 0; i < good.length; i++) {
    for (const other of ['A', 'z', '.', '=', '\u00e9', '']) {
      const changed = good.slice(0, i) + other + good.slice(i + 1);
      /* The last character of a MAC carries four bits only: two spellings mean the same bytes. */
      if (changed !== good && i < good.length - 1)
        assert.equal(verify(changed, KEY, INSTANCE), null, changed);
    }
  }
});

test('a header holds until its second of expiry and not in it', () => {
  const now = 1_700_000_000_000;
  assert.ok(verify(identity({ e: now / 1000 + 1 }), KEY, INSTANCE, now));
  assert.equal(verify(identity({ e: now / 1000 }), KEY, INSTANCE, now), null);
});

test('tokens() answers null to whatever it is given and never rejects', async () => {
  const auth = createAuth(options);
  for (const junk of [undefined, null, 1, {}, [], ['a.b'], Buffer.from('x'), '', '.', 'a.', '.b', 'x'.repeat(1e6), { toString() { throw new Error('x'); } }])
    assert.equal(await auth.tokens(junk), null);
  for (const claims of ['null', '[]', '1', '"x"', '{"i":"inst0001"}', '{', '{"i":"inst0001","u":{},"p":"*","e":9e9}']) {
    const payload = Buffer.from(claims).toString('base64url');
    const { createHmac } = await import('node:crypto');
    assert.equal(await auth.tokens(`${payload}.${createHmac('sha256', KEY).update(payload).digest('base64url')}`), null, claims);
  }
  assert.deepEqual(await auth.tokens(identity()), { username: 'ada', permissions: '*' });
  for (const ask of ['users', 'authenticate', 'default'])
    assert.equal(await auth[ask]('ada', 'x'), null);
});

test('the key is not among the settings that nodes can read', () => {
  const seen = JSON.stringify(createAuth(options), (name, value) => (typeof value === 'function' ? String(value) : value));
  assert.ok(!seen.includes(options.identityKey));
});
