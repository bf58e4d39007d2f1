// What a refused request may not leave behind, and hand-made archives that no tool would make.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

// One member of a tar: {name, body, type, link, size}; size may lie.
export function member({ name, body = '', type = '0', link = '', size }) {
  const content = Buffer.from(body)
  const head = Buffer.alloc(512)
  head.write(name, 0, 100)
  head.write('0000644\0', 100)
  head.write('0000000\0', 108)
  head.write('0000000\0', 116)
  head.write(`${(size ?? content.length).toString(8).padStart(11, '0')}\0`, 124)
  head.write('00000000000\0', 136)
  head.fill(' ', 148, 156)
  head.write(type, 156)
  head.write(link, 157, 100)
  head.write('ustar\0' + '00', 257)
  if (type === '3' || type === '4') head.write('0000001\0' + '0000003\0', 329)
  head.write(`${head.reduce((a, b) => a + b, 0).toString(8).padStart(6, '0')}\0 `, 148)
  return Buffer.concat([head, content, Buffer.alloc((512 - (content.length % 512)) % 512)])
}

export const tar = (...members) => Buffer.concat([...members.map(member), Buffer.alloc(1024)])
export const tgz = (...members) => gzipSync(tar(...members))

const hash = (algorithm, data, encoding) => createHash(algorithm).update(data).digest(encoding)

// What npm would send for this tarball.
export function document(name, version, tarball, { tag = 'latest', manifest = {} } = {}) {
  return {
    _id: name, name, 'dist-tags': { [tag]: version },
    versions: { [version]: { name, version, ...manifest, dist: { integrity: `sha512-${hash('sha512', tarball, 'base64')}`, shasum: hash('sha1', tarball, 'hex') } } },
    _attachments: { [`${name}-${version}.tgz`]: { content_type: 'application/octet-stream', data: tarball.toString('base64'), length: tarball.length } },
  }
}

function walk(dir) {
  if (!existsSync(dir)) return []
  return readdirSync(dir, { withFileTypes: true }).flatMap((e) => (e.isDirectory() ? [`${e.name}/`, ...walk(join(dir, e.name)).map((f) => `${e.name}/${f}`)] : [e.name]))
}

// The processes that descend from pid, without threads: "name" of each.
export function family(pid) {
  const parents = new Map()
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8')
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      if (state !== 'Z') parents.set(Number(entry), { parent: Number(parent), name: stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')')) })
    } catch {}
  }
  const below = (id) => [...parents].filter(([, p]) => p.parent === id).flatMap(([child, p]) => [p.name, ...below(child)])
  return below(pid).sort()
}

// All that a request could leave: rows as an admin lists them, files of the folders that hold content or work under way,
// processes of the server.
export async function leftovers(r, cookie) {
  const rows = {}
  const list = async (path) => {
    const { status, body } = await r.api('GET', `/api/v1/${path}`, undefined, { cookie })
    rows[path] = [status, body.items ?? body]
    return body.items ?? []
  }
  for (const path of ['instances?limit=200', 'packages?limit=200', 'tenants?limit=200', 'users?limit=200', 'claims', 'operations', 'theme']) await list(path)
  for (const { slug } of rows['tenants?limit=200'][1]) {
    for (const path of ['members', 'theme']) await list(`tenants/${slug}/${path}`)
    for (const { id } of await list(`tenants/${slug}/sources`)) await list(`sources/${id}/builds`)
  }
  // A login of the test itself is no left-over.
  for (const user of rows['users?limit=200'][1]) delete user.last_login_at
  const files = {}
  for (const dir of ['blobs', 'spool', 'jobs', 'themes', 'run/jobs', 'run/instances', 'logs/builds']) files[dir] = walk(join(r.data, dir)).sort()
  for (const dir of ['instances', 'tenants']) files[dir] = readdirSync(join(r.data, dir)).filter((f) => !/-(wal|shm)$/.test(f)).sort()
  return { rows, files, processes: family(r.ready.pid) }
}

export const bytes = (path) => statSync(path).size
