import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';

const require = createRequire(import.meta.url);
const { clean, html, link, ownPath } = require('../clean.js');
const { createTheme } = require('../index.js');

/* One request through the middleware to a handler that sends `body`. */
async function through(theme, path, body, { nodeRed = '5.0.7', method = 'GET', status = 200 } = {}) {
  const res = {
    statusCode: status, headers: {},
    setHeader(name, value) { this.headers[name] = value; },
    set(name, value) { this.headers[name] = value; return this; },
    redirect(code, to) { this.redirected = [code, to]; },
    send(text) { this.sent = text; },
  };
  let error;
  await theme.middleware({ nodeRed })({ method, path }, res, (err) => {
    error = err;
    res.send(body);
  });
  assert.equal(error, undefined);
  return res;
}

const client = (answers) => ({
  asked: [],
  async request(method, path, how) {
    this.asked.push(how.headers);
    const next = answers.length > 1 ? answers.shift() : answers[0];
    if (next instanceof Error)
      throw next;
    return next;
  },
});

test('a theme of any shape is cleaned without an error', () => {
  const odd = [undefined, null, 0, '', 'x', [], {}, true, { page: [] }, { header: 'x' }, { palette: { theme: {}, categories: 'x', catalogues: {} } }, { menu: [] }, { codeEditor: null, deployButton: 7 }];
  for (const theme of odd)
    assert.deepEqual(clean(theme).palette.catalogues, ['/.redhouse/catalogue.json']);
  const deep = JSON.parse('{"menu":{"__proto__":false,"menu-item-help":{"label":"x","__proto__":{"url":"javascript:1"}}},"codeEditor":{"options":{"__proto__":1}}}');
  assert.deepEqual(clean(deep).menu, { 'menu-item-help': { label: 'x' } });
  assert.equal(clean(deep).codeEditor.options, undefined);
});

test('texts for HTML hold no tag and read as they were written', () => {
  assert.equal(html('R&D <b>'), 'R&D &lt;b&gt;');
  assert.equal(html('&lt; &#60; &copy;'), '&amp;lt; &amp;#60; &amp;copy;');
  assert.equal(html('a\u0000\u2028\u202eb'), 'a   b');
  assert.equal(html('x'.repeat(5000)).length, 200);
  assert.equal(html({}), undefined);
});

test('addresses are on the instance\'s own host, links are web addresses', () => {
  for (const bad of ['/x', '//evil/.redhouse/', 'https://evil/.redhouse/x', '/.redhouse/../x', '/.redhouse/"x', '/.redhouse/a b', '/.redhouse/%2e%2e"', '', null, 7])
    assert.equal(ownPath(bad), undefined, String(bad));
  assert.equal(ownPath('/.redhouse/theme/logo-1.svg?v=3'), '/.redhouse/theme/logo-1.svg?v=3');
  for (const bad of ['javascript:alert(1)', ' https://x', 'data:text/html,x', '//evil', 'https://', 'x', 'https://x"y', 'java\nscript:x', '/\\evil'])
    assert.equal(link(bad), undefined, bad);
  for (const good of ['https://example.org/a?b=c#d', 'http://localhost:8080', '/', '/a/b'])
    assert.equal(link(good), good);
});

test('answers that carry the theme are amended, others pass untouched', async () => {
  const theme = createTheme({ client: null, initial: { page: { title: 'T' }, palette: { categories: ['a'] }, login: { image: '/.redhouse/l.png' } } });
  const page = '<title>Node-RED</title><link rel="icon" type="image/png" href="favicon.ico">';
  assert.equal((await through(theme, '/', page)).sent, page.replace('Node-RED', 'T'));
  assert.equal((await through(theme, '/flows', '[]')).sent, '[]');
  assert.equal((await through(theme, '/settings', '{}', { method: 'POST' })).sent, '{}');
  assert.equal((await through(theme, '/settings', 'Unauthorized', { status: 401 })).sent, 'Unauthorized');
  assert.equal((await through(theme, '/settings', 'not json')).sent, 'not json');
  const order = async (nodeRed) => JSON.parse((await through(theme, '/settings', '{"a":1}', { nodeRed })).sent).editorTheme.palette.categories;
  assert.deepEqual(await order('4.1.10'), ['a']);
  assert.deepEqual(await order('4.1.11'), { order: ['a'] });
  assert.deepEqual(await order('5.0.0-beta.1'), { order: ['a'] });
  assert.deepEqual(await order('4.0.9'), ['a']);
  assert.equal((await through(theme, '/auth/login', '{}')).sent, '{}');
});

test('the server is asked at most every two seconds, with the ETag of what is known', async () => {
  let now = 0;
  const server = client([{ status: 200, text: '{"page":{"title":"one"}}', headers: { etag: '"1"' } }, { status: 304, text: '', headers: {} }, { status: 200, text: '{"page":{"title":"two"}}', headers: {} }]);
  const theme = createTheme({ client: server, initial: { page: { title: 'zero' } }, now: () => now });
  const title = async () => JSON.parse((await through(theme, '/theme', '{"page":{}}')).sent).page.title;
  assert.deepEqual([await title(), await title()], ['one', 'one']);
  assert.equal(server.asked.length, 1);
  now = 2500;
  assert.equal(await title(), 'one');
  assert.deepEqual(server.asked[1], { 'if-none-match': '"1"' });
  theme.refresh();
  assert.equal(await title(), 'two');
});

test('a server that is away, slow or talks nonsense leaves the last good theme', async () => {
  const answers = [new Error('away'), { status: 200, text: 'nonsense', headers: {} }, { status: 200, text: 'null', headers: {} }];
  const theme = createTheme({ client: client(answers), initial: { page: { title: 'good' } }, now: () => Infinity });
  const title = async (t) => JSON.parse((await through(t, '/theme', '{"page":{}}')).sent).page.title;
  assert.equal(await title(theme), 'good');
  assert.equal(await title(theme), 'good');
  const began = Date.now();
  const slow = createTheme({ client: { request: () => new Promise(() => {}) }, initial: { page: { title: 'good' } } });
  assert.equal(await title(slow), 'good');
  assert.ok(Date.now() - began < 3000);
});

test('the favicon of the theme is where it sends browsers', async () => {
  const theme = createTheme({ client: null, initial: { page: { favicon: '/.redhouse/theme/f.ico' } } });
  assert.deepEqual((await through(theme, '/favicon.ico', 'x')).redirected, [302, '/.redhouse/theme/f.ico']);
  const plain = createTheme({ client: null, initial: {} });
  assert.equal((await through(plain, '/favicon.ico', 'node-red')).sent, 'node-red');
});
