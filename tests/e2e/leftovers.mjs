// What a refused request may not leave behind.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

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
