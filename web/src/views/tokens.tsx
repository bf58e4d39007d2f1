import { useState } from 'preact/hooks'
import { all, api, post, type Token } from '../api'
import { Act, Ago, Choice, Copy, Empty, Failure, Field, Form, Skeleton, useLoad } from '../parts'

export function Tokens() {
  const list = useLoad(() => all<Token>('/tokens'), [])
  const [name, setName] = useState('')
  const [kind, setKind] = useState('full')
  const [days, setDays] = useState('90')
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
      <Failure text={list.error} />
      {!list.value && !list.error && <Skeleton />}
      {list.value?.length === 0 && <Empty title="No tokens yet" />}
      <ul class="rows">
        {list.value?.map((t) => (
          <li key={t.id} class="card row">
            <div class="grow"><strong>{t.name}</strong> <code>{t.hint}…</code>
              <div class="muted">made <Ago at={t.created_at} /> · used <Ago at={t.last_used_at} />{t.expires_at ? ` · until ${new Date(t.expires_at).toLocaleDateString()}` : ''}</div></div>
            <Act kind="plain" label={`Remove ${t.name}`} action={async () => { await api('DELETE', `/tokens/${t.id}`); list.reload() }}>Remove</Act>
          </li>
        ))}
      </ul>
      {list.ready && <div class="card narrow">
        <h2>New token</h2>
        <Form
          submit="Make token"
          action={async () => {
            setMade(await post<Token>('/tokens', { name, read_only: kind === 'read', expires_days: Number(days) }))
            setName('')
            list.reload()
          }}
        >
          <Field label="Name" name="name" value={name} onInput={setName} required placeholder="CI of the node repository" />
          <Choice label="May" name="kind" value={kind} onInput={setKind} options={[['full', 'Do what I may do'], ['read', 'Only read']]} />
          <Choice label="Expires" name="days" value={days} onInput={setDays} options={[['30', 'in 30 days'], ['90', 'in 90 days'], ['365', 'in a year'], ['0', 'never']]} />
        </Form>
      </div>}
    </>
  )
}
