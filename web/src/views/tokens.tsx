import { useState } from 'preact/hooks'
import { all, api, post, type Token } from '../api'
import { Act, Ago, Choice, Copy, Empty, Failure, Field, Form, Skeleton, useLoad } from '../parts'

const packages = ['package:read', 'package:stage', 'package:publish']
// What a token may do, and the scopes that are asked for; none: all of its owner's.
const kinds: [string, string, object][] = [
  ['full', 'Do what I may do', {}],
  ['read', 'Only read', { read_only: true }],
  ['publish', 'Read and publish packages', { scopes: packages }],
  ['stage', 'Read packages, and hand in versions that a person approves', { scopes: packages.slice(0, 2) }],
]
const list = (text: string) => text.split(/[\s,]+/).filter(Boolean)

function may(token: Token) {
  const s = token.scopes
  if (s.includes('package:publish')) return s.every((one) => one.startsWith('package:')) ? 'publishes packages' : 'may what you may'
  return s.includes('package:stage') ? 'stages versions' : 'only reads'
}

function Limits({ token }: { token: Token }) {
  const parts = [
    token.packages.length > 0 && `packages ${token.packages.join(', ')}`,
    token.addresses.length > 0 && `from ${token.addresses.join(', ')}`,
    token.tenants.length > 0 && `in ${token.tenants.join(', ')}`,
    token.bypass_2fa && 'asks for no second factor',
  ].filter(Boolean)
  return parts.length > 0 ? <div class="muted">{parts.join(' · ')}</div> : null
}

function Row({ token: t, onRemoved }: { token: Token; onRemoved: () => void }) {
  const over = t.expires_at && Date.parse(t.expires_at) < Date.now()
  return (
    <li class="card row">
      <div class="grow">
        <strong>{t.name}</strong> <code>{t.hint}…</code> {may(t)}
        {t.description && <div>{t.description}</div>}
        <Limits token={t} />
        <div class="muted">
          made <Ago at={t.created_at} /> · used <Ago at={t.last_used_at} />{t.last_used_from && ` from ${t.last_used_from}`}
          {t.expires_at && (over ? ' · has expired' : ` · until ${new Date(t.expires_at).toLocaleDateString()}`)}
        </div>
      </div>
      <Act kind="plain" label={`Remove ${t.name}`} action={async () => { await api('DELETE', `/tokens/${t.id}`); onRemoved() }}>Remove</Act>
    </li>
  )
}

const blank = { name: '', description: '', kind: 'full', days: '90', packages: '', addresses: '', bypass: 'no' }

function NewToken({ onMade }: { onMade: (token: Token) => void }) {
  const [form, setForm] = useState(blank)
  const field = (key: keyof typeof blank) => ({ name: key, value: form[key], onInput: (value: string) => setForm({ ...form, [key]: value }) })
  const make = async () => {
    onMade(await post<Token>('/tokens', {
      name: form.name, description: form.description, expires_days: Number(form.days), ...kinds.find(([kind]) => kind === form.kind)?.[2],
      packages: list(form.packages), addresses: list(form.addresses), bypass_2fa: form.bypass === 'yes',
    }))
    setForm(blank)
  }
  return (
    <div class="card narrow">
      <h2>New token</h2>
      <Form submit="Make token" action={make}>
        <Field label="Name" {...field('name')} required placeholder="CI of the node repository" />
        <Choice label="May" {...field('kind')} options={kinds.map(([kind, text]) => [kind, text])} />
        <Choice label="Expires" {...field('days')} options={[['7', 'in a week'], ['30', 'in 30 days'], ['90', 'in 90 days'], ['365', 'in a year'], ['0', 'never']]} />
        <details>
          <summary>Limits</summary>
          <Field label="Packages" {...field('packages')} placeholder="@acme/red-hello @acme/red-*" hint="Names; * stands for any run. Empty: all. With some, it can do nothing but read and publish packages." />
          <Field label="Addresses" {...field('addresses')} placeholder="10.0.0.0/8 2001:db8::/32" hint="It works from nowhere else. Empty: from everywhere." />
          <Choice label="Second factor" {...field('bypass')} options={[['no', 'Asked for where yours is'], ['yes', 'Not asked for: for automation']]} />
          <Field label="Description" {...field('description')} />
        </details>
      </Form>
    </div>
  )
}

export function Tokens() {
  const tokens = useLoad(() => all<Token>('/tokens'), [])
  const [made, setMade] = useState<Token | null>(null)
  document.title = 'Tokens · Redhouse'
  return (
    <>
      <h1>Tokens</h1>
      <p class="muted">For npm, scripts and CI. A token can do at most what you can do.</p>
      {made?.token && (
        <div class="card notice" role="status">
          <p><strong>{made.name}</strong> was made. Copy it now: it is not shown again.</p>
          <Copy text={made.token} />
        </div>
      )}
      <Failure text={tokens.error} />
      {!tokens.value && !tokens.error && <Skeleton />}
      {tokens.value?.length === 0 && <Empty title="No tokens yet" />}
      <ul class="rows">{tokens.value?.map((t) => <Row key={t.id} token={t} onRemoved={tokens.reload} />)}</ul>
      {tokens.ready && <NewToken onMade={(token) => { setMade(token); tokens.reload() }} />}
    </>
  )
}
