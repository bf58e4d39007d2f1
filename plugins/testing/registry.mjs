/*
 * A stand-in for the registry under /npm/: serves packages packed from a folder, to bearers of the token only.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

import { temporary } from './runtime.mjs';
import { ROOT } from './stacks.mjs';

export function pack(folder) {
  const out = temporary('rh-pack-');
  const [{ filename, name, version }] = JSON.parse(execFileSync('npm',
    ['pack', '--json', '--ignore-scripts', '--pack-destination', out, path.join(ROOT, folder)],
    { cwd: out, stdio: ['ignore', 'pipe', 'ignore'] }));
  const bytes = fs.readFileSync(path.join(out, filename));
  const manifest = JSON.parse(fs.readFileSync(path.join(ROOT, folder, 'package.json'), 'utf8'));
  fs.rmSync(out, { recursive: true });
  return { name, version, bytes, manifest };
}

/* Answers a request below /npm/: {status, body (object or Buffer)}; null if it is not one. */
export function answer(packages, base, token, req) {
  const url = decodeURIComponent(req.url);
  if (!url.startsWith('/npm/'))
    return null;
  if (req.headers.authorization !== `Bearer ${token}`)
    return { status: 401, body: { error: 'no token' } };
  const found = packages.find((p) => url === `/npm/${p.name}`);
  if (found) {
    const dist = {
      tarball: `${base}/npm/${found.name}/-/${found.version}.tgz`,
      integrity: `sha512-${createHash('sha512').update(found.bytes).digest('base64')}`,
      shasum: createHash('sha1').update(found.bytes).digest('hex'),
    };
    return {
      status: 200,
      body: {
        name: found.name, 'dist-tags': { latest: found.version },
        versions: { [found.version]: { ...found.manifest, dist } },
      },
    };
  }
  const file = packages.find((p) => url === `/npm/${p.name}/-/${p.version}.tgz`);
  return file ? { status: 200, body: file.bytes } : { status: 404, body: { error: 'not found' } };
}
