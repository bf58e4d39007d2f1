import { useState } from 'preact/hooks'
import { all, api, follow, get, post, type Operation, type OutsideName, type Uplink, type UplinkCache, type UplinkRule } from '../api'
import { Act, Ago, Choice, Empty, Failure, Field, Form, Skeleton, size, useLoad } from '../parts'
import { Progress } from './instances'

interface Bundle { id: string; packages: number; versions: number; bytes: number; left_out: { name: string; range: string; why: string }[] }
interface BundleImport { packages: number; versions: number; new_versions: number; passed_over: { name: string; why: string }[] }

export function Uplinks() {
  const list = useLoad(() => all<Uplink>('/uplinks'), [])
  document.title = 'Uplinks · Redhouse'
  return (
    <>
      <h1>Uplinks</h1>
      <p class="muted">The registries outside that public packages come from. Private names never go there.</p>
      <Failure text={list.error} />
      {!list.value && !list.error && <Skeleton />}
      {list.value?.length === 0 && <Empty title="No uplink"><p>Only private packages, and what came in bundles, are here.</p></Empty>}
      <ul class="rows">{list.value?.map((u) => <One key={u.name} uplink={u} reload={list.reload} />)}</ul>
      {list.ready && <>
        <Cache />
        <New reload={list.reload} />
        <Rules uplinks={list.value ?? []} />
        <Outside />
        <Bundles />
      </>}
    </>
  )
}

const words: Record<Uplink['state'], string> = { closed: 'running', open: 'failed', 'half-open': 'starting' }
const said: Record<Uplink['state'], string> = { closed: 'answers', open: 'left alone', 'half-open': 'is probed' }

function One({ uplink: u, reload }: { uplink: Uplink; reload: () => void }) {
  const [tested, setTested] = useState('')
  const path = `/uplinks/${encodeURIComponent(u.name)}`
  return (
    <li class="card row">
      <div class="grow">
        <strong>{u.name}</strong> <span class={`state state-${u.offline ? 'stopped' : words[u.state]}`}>{u.offline ? 'offline' : said[u.state]}</span> {u.auth !== 'none' && <span class="state">{u.auth}</span>}
        <div class="muted">{u.url} · {u.requests} requests, {u.failures} failed{u.proxy && ` · by ${u.proxy}`}{u.of_option && ' · what --uplink says'}</div>
        {u.cause && <div class="muted">Failed <Ago at={u.failed_at} />: {u.cause}{u.state === 'open' && ` Asked again in ${Math.ceil(u.next_try_ms / 1000)} s.`}</div>}
        {tested && <div role="status">{tested}</div>}
      </div>
      <Act kind="plain" label={`Test ${u.name}`} action={async () => {
        const t = await post<{ ok: boolean; status: number; ms: number; error: string | null }>(`${path}/test`)
        setTested(t.ok ? `It answered ${t.status} in ${t.ms} ms.` : t.error ?? `It answered ${t.status}.`)
      }}>Test</Act>
      {!u.of_option && <Act kind="plain" label={`${u.offline ? 'Use' : 'Switch off'} ${u.name}`} action={async () => { await api('PATCH', path, { offline: !u.offline }); reload() }}>{u.offline ? 'Use' : 'Switch off'}</Act>}
      {!u.of_option && <Act kind="plain" label={`Remove ${u.name}`} sure="What is kept of it goes too, and is fetched anew from where the rules then say." action={async () => { await api('DELETE', path); reload() }}>Remove</Act>}
    </li>
  )
}

function Cache() {
  const cache = useLoad(() => get<UplinkCache>('/uplink-cache'), [])
  const c = cache.value
  if (!c) return <Failure text={cache.error} />
  return <p class="muted">{c.documents} documents and {c.tarballs} tarballs are kept, {size(c.bytes)}{c.ceiling_bytes > 0 && ` of at most ${size(c.ceiling_bytes)}`}{c.bundle_bytes > 0 && `; ${size(c.bundle_bytes)} of it came in bundles and stays`}.{c.offline && ' The server runs offline: nothing goes out.'}</p>
}

function Rules({ uplinks }: { uplinks: Uplink[] }) {
  const list = useLoad(() => all<UplinkRule>('/uplink-rules'), [])
  const [pattern, setPattern] = useState('')
  const [to, setTo] = useState('default')
  const [reason, setReason] = useState('')
  const [position, setPosition] = useState('')
  return (
    <section>
      <h2>Rules</h2>
      <p class="muted">The first that fits says which uplink a public name comes from; all others come from the default one.</p>
      <Failure text={list.error} />
      <ol class="rows">
        {list.value?.map((r) => (
          <li key={r.id} class="card row">
            <div class="grow"><code>{r.pattern}</code> {r.block ? <span class="state state-failed">blocked</span> : <>from <strong>{r.uplink}</strong></>} {r.reason && <span class="muted">{r.reason}</span>}</div>
            <Act kind="plain" label={`Remove the rule for ${r.pattern}`} action={async () => { await api('DELETE', `/uplink-rules/${r.id}`); list.reload() }}>Remove</Act>
          </li>
        ))}
      </ol>
      <div class="card narrow">
        <h3>New rule</h3>
        <Form submit="Add rule" action={async () => {
          await post('/uplink-rules', { pattern, ...(to === '' ? { block: true, ...(reason ? { reason } : {}) } : { uplink: to }), ...(position ? { position: Number(position) } : {}) })
          setPattern(''); setReason(''); setPosition('')
          list.reload()
        }}>
          <Field label="Names" name="pattern" value={pattern} onInput={setPattern} required placeholder="@partner/*" hint="A name; * is any run of characters." />
          <Choice label="Come from" name="to" value={to} onInput={setTo} options={[['default', 'default'], ...uplinks.filter((u) => !u.of_option).map((u): [string, string] => [u.name, u.name]), ['', 'nowhere: blocked']]} />
          {to === '' && <Field label="Reason" name="reason" value={reason} onInput={setReason} hint="Told to who asks for such a name." />}
          <Field label="Position" name="position" type="number" value={position} onInput={setPosition} hint="The last, unless given." />
        </Form>
      </div>
    </section>
  )
}

function Outside() {
  const list = useLoad(() => all<OutsideName>('/uplink-outside'), [])
  const [names, setNames] = useState('')
  const [found, setFound] = useState('')
  return (
    <section>
      <h2>Private names that exist outside</h2>
      <p class="muted">Such a name is yours alone here. Somebody outside has it too, by chance or to be mistaken for you.</p>
      <Failure text={list.error} />
      {list.value?.length === 0 && <p>None is known.</p>}
      <ul class="rows">{list.value?.map((n) => <li key={`${n.name} ${n.uplink}`} class="card row"><div class="grow"><strong>{n.name}</strong> also exists at <strong>{n.uplink}</strong><div class="muted">{n.how === 'served' ? 'public versions were served before' : 'an admin asked'} · <Ago at={n.seen_at} /></div></div></li>)}</ul>
      <div class="card narrow">
        <Form submit="Ask" action={async () => {
          const answer = await post<{ items: { name: string; found: boolean }[] }>('/uplink-outside', { names: names.split(/[\s,]+/).filter(Boolean) })
          setFound(answer.items.map((i) => `${i.name}: ${i.found ? 'exists outside' : 'does not'}`).join(' · '))
          list.reload()
        }}>
          <Field label="Ask for private names" name="names" value={names} onInput={setNames} required hint="The uplinks get to know these names by it." />
          {found && <p role="status">{found}</p>}
        </Form>
      </div>
    </section>
  )
}

function Bundles() {
  const [list, setList] = useState('')
  const [operation, setOperation] = useState<Operation | null>(null)
  const [made, setMade] = useState<Bundle | null>(null)
  const [file, setFile] = useState<File | null>(null)
  const [taken, setTaken] = useState<BundleImport | null>(null)
  return (
    <section>
      <h2>Bundles</h2>
      <p class="muted">One file with all that some packages need, for a site without internet.</p>
      <div class="halves"><div class="card narrow">
        <h3>Make one</h3>
        <Form submit="Make" action={async () => {
          setMade(null)
          const answer = await api<{ operation: Operation }>('POST', '/bundles', new Blob([list], { type: 'text/plain' }))
          const ended = await follow(answer.operation.id, setOperation)
          setOperation(null)
          if (ended.state === 'failed') throw new Error(ended.problem?.detail ?? 'It failed.')
          setMade(await get<Bundle>(`/bundles/${ended.id}`))
        }}>
          <label class="field"><span>Packages</span><textarea name="list" rows={5} required spellcheck={false} value={list} onInput={(event) => setList(event.currentTarget.value)} />
            <small>NAME or NAME@RANGE, one a line; or a package.json or lock file of npm, pnpm or yarn.</small></label>
          <Progress operation={operation} />
        </Form>
        {made && <p role="status"><a href={`/api/v1/bundles/${made.id}/file`} download="bundle.tar">bundle.tar</a>: {made.packages} packages, {made.versions} versions, {size(made.bytes)}.</p>}
        {made && made.left_out.length > 0 && <ul>{made.left_out.map((n) => <li key={`${n.name} ${n.range}`}>{n.name}@{n.range} is left out: {n.why}</li>)}</ul>}
      </div>
      <div class="card narrow">
        <h3>Take one in</h3>
        <Form submit="Take in" action={async () => {
          if (!file) throw new Error('Choose a bundle first.')
          setTaken(await api<BundleImport>('PUT', '/bundles', new Blob([file], { type: 'application/x-tar' })))
        }}>
          <label class="field"><span>Bundle</span><input type="file" name="bundle" accept=".tar" onChange={(event) => setFile(event.currentTarget.files?.[0] ?? null)} /></label>
        </Form>
        {taken && <p role="status">{taken.packages} packages are here, {taken.new_versions} of {taken.versions} versions are new.</p>}
        {taken && taken.passed_over.length > 0 && <ul>{taken.passed_over.map((n) => <li key={n.name}>{n.name} is passed over: {n.why}</li>)}</ul>}
      </div></div>
    </section>
  )
}

function New({ reload }: { reload: () => void }) {
  const [name, setName] = useState('')
  const [url, setUrl] = useState('')
  const [auth, setAuth] = useState('none')
  const [secret, setSecret] = useState('')
  const [proxy, setProxy] = useState('')
  const [hosts, setHosts] = useState('')
  const [ca, setCa] = useState('')
  return (
    <div class="card narrow">
      <h2>New uplink</h2>
      <Form submit="Add uplink" action={async () => {
        await post('/uplinks', { name, url, auth, ...(secret && auth !== 'none' ? { secret } : {}), ...(proxy ? { proxy } : {}), ...(ca ? { ca } : {}), hosts: hosts.split(/[\s,]+/).filter(Boolean) })
        setName(''); setUrl(''); setSecret(''); setProxy(''); setHosts(''); setCa('')
        reload()
      }}>
        <Field label="Name" name="name" value={name} onInput={setName} required hint="Small letters, digits, hyphens." />
        <Field label="Address" name="url" type="url" value={url} onInput={setUrl} required />
        <Choice label="Credentials" name="auth" value={auth} onInput={setAuth} options={[['none', 'none'], ['bearer', 'a token'], ['basic', 'name and password']]} />
        {auth !== 'none' && <Field label={auth === 'basic' ? 'NAME:PASSWORD' : 'Token'} name="secret" type="password" value={secret} onInput={setSecret} required autocomplete="new-password" hint="Sent to this address alone, and never shown again." />}
        <Field label="Proxy" name="proxy" value={proxy} onInput={setProxy} placeholder="http://proxy.example:3128" />
        <Field label="Further hosts" name="hosts" value={hosts} onInput={setHosts} hint="Addresses (https://…) that its tarballs may lie at." />
        <label class="field"><span>Certificates</span><textarea name="ca" rows={3} spellcheck={false} value={ca} onInput={(event) => setCa(event.currentTarget.value)} /><small>PEM, if its certificate is not signed by a public authority.</small></label>
      </Form>
    </div>
  )
}
