// Who is logged in decides what is shown; the address decides which view.
import { useCallback, useEffect, useState } from 'preact/hooks'
import { api, get, type Session, whenCodeIsDue, whenSessionIsLost } from './api'
import { closeEvents } from './events'
import { useLook, wear } from './look'
import { Dialog, Failure, Field, Form, Missing } from './parts'
import { go, Link, useLocation } from './router'
import { Account } from './views/account'
import { Advisories } from './views/advisories'
import { PlatformCatalogue } from './views/catalogue'
import { Home } from './views/home'
import { PlatformHooks } from './views/hooks'
import { InstanceView } from './views/instance'
import { Issuers } from './views/issuers'
import { Login, ChangePassword } from './views/login'
import { PackageView } from './views/package'
import { Policy } from './views/policy'
import { BuildView } from './views/sources'
import { Stacks } from './views/stacks'
import { TenantView } from './views/tenant'
import { PlatformTheme } from './views/theme'
import { Tokens } from './views/tokens'
import { Uplinks } from './views/uplinks'
import { Users } from './views/users'

function words(path: string): string[] {
  return path.split('/').slice(2).map((word) => {
    try { return decodeURIComponent(word) } catch { return word }
  })
}

// Anybody can write a link to here, and what stands in it becomes part of the addresses that are asked of the API: a word, or the name
// of a package, never the way to something else, such as a file of a package that says what a button does.
const isWord = (text: string) => /^[\w-]+$/.test(text)
const isPackage = (text: string) => /^(@[^/\\?#%]+\/)?[^@./\\?#%][^/\\?#%]*$/.test(text)

// Whose look a view wears; undefined: it finds out by itself.
function tenantOf(session: Session, kind: string | undefined, a: string | undefined): string | null | undefined {
  const slug = kind === 'tenants' ? a : kind === 'packages' && a?.startsWith('@') ? a.slice(1) : undefined
  if (kind === 'instances' && a) return undefined
  return slug && (session.user.admin || session.tenants.some((t) => t.slug === slug)) ? slug : null
}

// Whatever is asked of the server may need a code; what was asked is asked again with it.
function CodePrompt() {
  const [due, setDue] = useState<{ why: string; again: boolean; done: (code: string | null) => void } | null>(null)
  const [code, setCode] = useState('')
  useEffect(() => whenCodeIsDue((why, again) => new Promise((done) => { setCode(''); setDue({ why, again, done }) })), [])
  if (!due) return null
  const end = (shown: string | null) => { setDue(null); due.done(shown) }
  return (
    <Dialog title="One-time password" onClose={() => end(null)}>
      <Form submit="Go on" action={async () => end(code)}>
        <p>Show a code of your authenticator app, or one of your recovery codes.</p>
        {due.again && <Failure text={due.why} />}
        <Field label="Code" name="code" value={code} onInput={setCode} required autofocus autocomplete="one-time-code" />
      </Form>
    </Dialog>
  )
}

function NoPage() {
  document.title = 'Not found · Redhouse'
  return <Missing text="There is no such page." />
}

function View({ session, path, onChange }: { session: Session; path: string; onChange: () => void }) {
  const [kind, a, ...rest] = words(path)
  const name = a && kind === 'packages' ? [a, ...rest].join('/') : ''
  const proper = !a || (kind === 'packages' ? isPackage(name) : isWord(a))
  useLook(proper ? tenantOf(session, kind, a) : null)
  if (!proper) return <NoPage />
  if (kind === 'tenants' && a && rest[0] === 'builds' && rest[1] && isWord(rest[1])) return <BuildView key={rest[1]} tenant={a} id={rest[1]} />
  if (kind === 'tenants' && a) return <TenantView key={a} slug={a} tab={rest[0] ?? 'instances'} session={session} />
  if (kind === 'instances' && a) return <InstanceView key={a} slug={a} session={session} />
  if (name) return <PackageView key={path} name={name} session={session} />
  if (kind === 'account') return <Account onChange={onChange} />
  if (kind === 'tokens') return <Tokens />
  if (kind === 'users' && session.user.admin) return <Users tenants={session.tenants.map((t) => t.slug)} />
  if (kind === 'stacks') return <Stacks admin={session.user.admin} />
  if (kind === 'uplinks' && session.user.admin) return <Uplinks />
  if (kind === 'issuers' && session.user.admin) return <Issuers />
  if (kind === 'hooks' && session.user.admin) return <PlatformHooks />
  if (kind === 'palette' && session.user.admin) return <PlatformCatalogue />
  if (kind === 'theme' && session.user.admin) return <PlatformTheme />
  if (kind === 'advisories') return <Advisories admin={session.user.admin} />
  if (kind === 'policy' && session.user.admin) return <Policy />
  if (!kind) return <Home session={session} />
  return <NoPage />
}

// What administrators look after, beside the tenants.
const platform: [string, string][] = [['/ui/users', 'Users'], ['/ui/uplinks', 'Uplinks'], ['/ui/policy', 'Policy'], ['/ui/issuers', 'CI'], ['/ui/hooks', 'Webhooks'], ['/ui/palette', 'Palette'], ['/ui/theme', 'Theme']]

function Platform({ path }: { path: string }) {
  if (!platform.some(([to]) => to === path)) return null
  return (
    <nav class="tabs" aria-label="Platform">
      {platform.map(([to, text]) => <Link key={to} to={to} current={to === path}>{text}</Link>)}
    </nav>
  )
}

function Header({ session, path, onLogout }: { session: Session; path: string; onLogout: () => void }) {
  const links: [string, string, boolean?][] = [['/ui/', 'Home'], ['/ui/tokens', 'Tokens'], ['/ui/stacks', 'Stacks'], ['/ui/advisories', 'Advisories']]
  if (session.user.admin) links.push([platform[0]![0], 'Platform', platform.some(([to]) => to === path)])
  return (
    <header class="top">
      <Link to="/ui/" class="brand"><img src="/assets/icon.svg" alt="" width="24" height="24" />Redhouse</Link>
      <nav aria-label="Main">
        {links.map(([to, text, within]) => <Link key={to} to={to} current={within ?? to === path}>{text}</Link>)}
      </nav>
      <Link to="/ui/account" class="who" current={path === '/ui/account'}>{session.user.name}</Link>
      <button type="button" class="plain" onClick={onLogout}>Log out</button>
    </header>
  )
}

export function App() {
  const url = useLocation()
  const [session, setSession] = useState<Session | null | undefined>(undefined)
  const read = useCallback(() => get<Session>('/session').then(setSession, () => setSession(null)), [])

  useEffect(() => {
    whenSessionIsLost(() => setSession(null))
    void read()
  }, [])
  useEffect(() => {
    if (session === null && url.pathname !== '/login') go(`/login?to=${encodeURIComponent(url.pathname + url.search)}`, true)
    if (session && !session.user.must_change_password && url.pathname === '/') go('/ui/', true)
  }, [session, url.href])

  // A login wears what the server chose for where it leads; nobody else's look is left over.
  useEffect(() => { if (session === null && !/^https?:/.test(url.searchParams.get('to') ?? '')) void wear(null) }, [session])

  if (session === undefined) return <main class="center" aria-busy="true" />
  if (session === null || url.pathname === '/login')
    return session?.user.must_change_password
      ? <ChangePassword onDone={() => void read()} />
      : <Login to={url.searchParams.get('to')} session={session} onDone={setSession} />
  if (session.user.must_change_password) return <ChangePassword onDone={() => void read()} />
  return (
    <>
      <a class="skip" href="#main">Skip to content</a>
      <Header
        session={session}
        path={url.pathname}
        onLogout={() => void api('DELETE', '/session').then(() => { closeEvents(); setSession(null); go('/login') })}
      />
      <main id="main" tabIndex={-1}>
        {session.user.admin && <Platform path={url.pathname} />}
        <View session={session} path={url.pathname} onChange={() => void read()} />
      </main>
      <CodePrompt />
    </>
  )
}
