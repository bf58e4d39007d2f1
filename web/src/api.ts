// The API as the portal uses it: one function, one error, the objects of docs/api.md.
export interface Problem { status: number; code: string; detail: string }

export class ApiError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail)
  }
}

export interface Session {
  user: { name: string; email?: string; admin: boolean; must_change_password: boolean; second_factor: string | null }
  tenants: { slug: string; name: string; role: string; scopes: string[]; needs_second_factor: boolean }[]
}
export interface Tenant { slug: string; name: string; role: string; instances: number; members: number; require_second_factor: boolean }
export interface Instance {
  id: string; slug: string; tenant: string; name: string; stack: string; state: string; desired: string
  since: string; cause: string | null; url: string; app_url: string; node_red: string; node: string
  memory_limit_bytes: number; restarts: number; created_at: string
}
export interface Operation {
  id: string; kind: string; subject: string; state: 'running' | 'done' | 'failed'
  percent: number | null; step: string | null; problem: { code: string; detail: string } | null
}
export interface Package {
  name: string; tenant: string | null; latest: string; description: string; updated_at: string
  versions: number; types: string[]; deprecated: boolean
}
export interface Version {
  version: string; published_at: string; publisher: string; bytes: number; deprecated: string | null; tags?: string[]
  source?: string; source_commit?: string | null; unpacked_bytes?: number | null; files?: number | null; install_scripts?: boolean; node_red?: string | null
}
export interface PackageDetail {
  name: string; tenant: string | null; latest: string; description?: string; readme: string | null; versions: Version[]
  tags: Record<string, string>; types: string[]; keywords: string[]; owners: { user: string }[]
  clashes: { type: string; package: string }[]
}
export interface Contents {
  nodes: { type: string; set: string; category: string | null; color: string | null; icon: string | null; label: string; right: boolean; input: boolean; output: boolean }[]
  plugins: { id: string; set: string; type: string | null }[]
  examples: string[]; icons: string[]; count: number; bytes: number; files: { name: string; bytes: number }[]
}
export interface Need { name: string; range: string; kind: string }
export interface Needs { needs: Need[]; needed_by: Need[]; more: boolean }
export interface Downloads { total: number; week: number; days: { day: string; count: number }[]; versions: { version: string; count: number }[] }
export interface PackageUser { tenant: string; instance: string; version: string; pending_version: string | null; direct: boolean }
export interface Pick {
  name: string; platform: boolean; position: number; note: string; badge: string; added_by: string; version: string | null; description: string | null
  types: string[]; deprecated: string | null; updated_at: string | null; looked_at: string | null; cause: string | null; hidden: boolean
}
export interface Module { name: string; version: string; pending_version: string | null; direct: boolean; types: string[] }
export interface Token {
  id: string; name: string; description: string; hint: string; scopes: string[]; packages: string[]; addresses: string[]; tenants: string[]; bypass_2fa: boolean
  created_at: string; expires_at: string | null; last_used_at: string | null; last_used_from: string | null; token?: string
}
export interface User { name: string; email: string | null; admin: boolean; second_factor: boolean; last_login_at: string | null; tenants: { slug: string; role: string }[] }
export interface Me {
  name: string; email: string | null; fullname: string | null; homepage: string | null; github: string | null; session: string | null
  second_factor: { mode: string; pending: boolean; since: string; recovery_codes_left: number } | null
  secret?: string; otpauth?: string
}
export interface Stage {
  id: string; package: string; version: string; tag: string | null; tenant: string | null; bytes: number
  actor: string; actor_type: string; created_at: string; expires_at: string
}
export interface StageDetail extends Stage {
  latest: string | null; install_scripts: boolean; dependencies: { name: string; was: string | null; now: string | null }[]; contents: Contents
}
export interface OwnSession { id: string; host: string; created_at: string; expires_at: string }
export interface Member { user: string; email: string | null; role: string; since: string }
export interface Team {
  name: string; description: string; created_at: string
  members: { user: string; role: string }[]; packages: { name: string; permission: string }[]
}
export interface PackageAccess {
  name: string; tenant: string | null; may_write: boolean; may_change: boolean; owners: { user: string }[]
  teams: { team: string; permission: string }[]; people: { user: string; permissions: string }[]
}
export interface Stack { name: string; node_red: string; node: string; state: string; cause: string | null; instances: number }
export interface Uplink {
  name: string; url: string | null; auth: 'none' | 'bearer' | 'basic'; proxy: string | null; hosts: string[]; offline: boolean; of_option: boolean
  state: 'closed' | 'open' | 'half-open'; next_try_ms: number; requests: number; failures: number; failed_at: string | null; cause: string | null
}
export interface UplinkRule { id: string; position: number; pattern: string; uplink: string | null; block: boolean; reason: string | null }
export interface UplinkCache { documents: number; tarballs: number; bytes: number; bundle_bytes: number; ceiling_bytes: number; offline: boolean }
export interface OutsideName { name: string; uplink: string; how: 'served' | 'asked'; seen_at: string }
export interface Source {
  id: string; url: string; tags: string; last_commit: string | null; cause: string | null; webhook_url: string; webhook_secret?: string
  last_build: { id: string; state: string; version: string | null; at: string } | null
}
export interface Quota { bytes: number; versions: number; max_bytes: number | null; max_versions: number | null }
export interface Retention { keep: number | null; days: number | null; due: { package: string; version: string; bytes: number; published_at: string }[] }
export interface Hook { id: string; url: string; events: string[]; active: boolean; cause: string | null; failing_since: string | null; created_by: string; created_at: string; waiting: number; secret?: string }
export interface Delivery {
  id: string; event: string; state: string; attempts: number; status: number | null; cause: string | null; created_at: string; next_at: string | null; ended_at: string | null
  body: { package?: string; version?: string; tag?: string }
}
export interface Build { id: string; ref: string; commit: string | null; state: string; package: string | null; version: string | null; cause: string | null; started_at: string; ended_at: string | null }
export interface ThemeDoc {
  tokens?: { light?: Record<string, string>; dark?: Record<string, string> }
  page?: { title?: string }; header?: { title?: string; image?: string; url?: string }
  deployButton?: { label?: string }; palette?: { theme?: { category?: string; type?: string; color: string }[] }
  [key: string]: unknown
}
export interface ThemeLayer { from: string; theme: ThemeDoc; files: { name: string; type: string; bytes: number }[] }
export interface Theme extends ThemeLayer {
  version: string | null; updated_at: string | null; inherited: ThemeLayer
  tokens: { name: string; kind: 'color' | 'font' | 'length'; light: string | null; dark: string | null }[]
}
export interface Platform { name: string; version: string; domain: string; public_url: string; registry_url: string; default_stack: string }
export interface List<T> { items: T[]; next: string | null }

let onLost: () => void = () => {}
export function whenSessionIsLost(fn: () => void) {
  onLost = fn
}

// Asks the person for a code of their second factor; null when they would rather not.
let askCode: (why: string, again: boolean) => Promise<string | null> = () => Promise.resolve(null)
export function whenCodeIsDue(fn: typeof askCode) {
  askCode = fn
}

const asksCode = (code: string | undefined) => code === 'otp_required' || code === 'wrong_otp'

export async function api<T>(method: string, path: string, body?: unknown, code?: string): Promise<T> {
  const raw = body instanceof Blob
  const answer = await fetch(`/api/v1${path}`, {
    method,
    headers: { ...(body !== undefined && !raw ? { 'content-type': 'application/json' } : {}), ...(code ? { 'npm-otp': code } : {}) },
    body: body === undefined ? undefined : raw ? body : JSON.stringify(body),
  }).catch(() => {
    throw new ApiError({ status: 0, code: 'offline', detail: 'The server does not answer. Check the connection and try again.' })
  })
  const text = await answer.text()
  let parsed: unknown = null
  try {
    parsed = text === '' ? null : JSON.parse(text)
  } catch {
    parsed = null
  }
  if (answer.ok) return parsed as T
  const problem = (parsed ?? {}) as Partial<Problem>
  // A form that has a field for the code of its own is told what is wrong with it.
  if (answer.status === 401 && asksCode(problem.code)) {
    if (path !== '/session' && !path.endsWith('/confirmation')) {
      const shown = await askCode(problem.detail ?? '', problem.code === 'wrong_otp')
      if (shown) return api<T>(method, path, body, shown)
    }
  } else if (answer.status === 401 && path !== '/session') onLost()
  throw new ApiError({ status: answer.status, code: problem.code ?? 'failed', detail: problem.detail ?? `The server answered with status ${answer.status}.` })
}

export const get = <T,>(path: string) => api<T>('GET', path)
// A file sent whole, with its progress from 0 to 1.
export function send<T>(path: string, file: Blob, type: string, onProgress: (part: number) => void, code?: string): Promise<T> {
  return new Promise((done, fail) => {
    const request = new XMLHttpRequest()
    request.open('POST', `/api/v1${path}`)
    request.setRequestHeader('content-type', type)
    if (code) request.setRequestHeader('npm-otp', code)
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total)
    request.onerror = () => fail(new ApiError({ status: 0, code: 'offline', detail: 'The server does not answer, or the connection was cut. Try again.' }))
    request.onload = () => {
      let body: unknown = null
      try { body = JSON.parse(request.responseText) } catch { body = null }
      if (request.status >= 200 && request.status < 300) return done(body as T)
      const problem = (body ?? {}) as Partial<Problem>
      const failed = () => fail(new ApiError({ status: request.status, code: problem.code ?? 'failed', detail: problem.detail ?? `The server answered with status ${request.status}.` }))
      if (request.status === 401 && asksCode(problem.code))
        return void askCode(problem.detail ?? '', problem.code === 'wrong_otp').then((shown) => (shown ? send<T>(path, file, type, onProgress, shown).then(done, fail) : failed()))
      if (request.status === 401) onLost()
      failed()
    }
    request.send(file)
  })
}

export const post = <T,>(path: string, body?: unknown) => api<T>('POST', path, body ?? {})

// All pages of a list.
export async function all<T>(path: string): Promise<T[]> {
  const items: T[] = []
  let cursor: string | null = null
  for (let page = 0; page < 20; page++) {
    const mark: string = path.includes('?') ? '&' : '?'
    const list: List<T> = await get<List<T>>(`${path}${mark}limit=200${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`)
    items.push(...list.items)
    cursor = list.next
    if (!cursor) break
  }
  return items
}

// Follows an operation to its end.
export async function follow(id: string, onStep: (operation: Operation) => void): Promise<Operation> {
  for (;;) {
    const operation = await get<Operation>(`/operations/${id}`)
    onStep(operation)
    if (operation.state !== 'running') return operation
    await new Promise((done) => setTimeout(done, 400))
  }
}
