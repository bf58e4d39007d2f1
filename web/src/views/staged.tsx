// Versions that machines have handed in and a person approves, or not.
import { useState } from 'preact/hooks'
import { all, api, get, post, type Stage, type StageDetail } from '../api'
import { Act, Ago, Empty, Failure, size, Skeleton, useLoad } from '../parts'
import { Link } from '../router'

function Inside({ id }: { id: string }) {
  const one = useLoad(() => get<StageDetail>(`/stages/${id}`), [id])
  if (one.error) return <Failure text={one.error} />
  if (!one.value) return <Skeleton rows={3} />
  const s = one.value
  return (
    <div class="inside">
      {s.install_scripts && <p class="strong">It runs scripts when it is installed.</p>}
      {s.dependencies.length === 0
        ? <p class="muted">{s.latest ? `Its dependencies are those of ${s.latest}.` : 'It has no dependencies.'}</p>
        : (
          <>
            <h3>Dependencies{s.latest ? ` beside ${s.latest}` : ''}</h3>
            <ul class="plainlist">
              {s.dependencies.map((d) => <li key={d.name}><code>{d.name}</code> {d.was ?? 'new'} → {d.now ?? 'gone'}</li>)}
            </ul>
          </>
        )}
      <h3>{s.contents.count} files, {size(s.contents.bytes)}</h3>
      <ul class="plainlist">
        {s.contents.files.slice(0, 200).map((f) => <li key={f.name}><code>{f.name}</code> <span class="muted">{size(f.bytes)}</span></li>)}
      </ul>
      <a class="button" href={`/api/v1/stages/${id}/tarball`}>Download the tarball</a>
    </div>
  )
}

function Row({ s, may, onChange }: { s: Stage; may: boolean; onChange: () => void }) {
  const [open, setOpen] = useState(false)
  const name = `${s.package}@${s.version}`
  return (
    <li class="card">
      <div class="row">
        <div class="grow">
          <strong>{s.package}</strong> <code>{s.version}</code> {s.tag && <span class="state">{s.tag}</span>}
          <div class="muted">{size(s.bytes)} · staged by {s.actor} ({s.actor_type}) <Ago at={s.created_at} /> · dropped {new Date(s.expires_at).toLocaleDateString()}</div>
        </div>
        <button type="button" class="plain" aria-expanded={open} aria-label={`What is in ${name}`} onClick={() => setOpen(!open)}>What is in it</button>
        {may && <Act kind="primary" label={`Approve ${name}`} action={async () => { await post(`/stages/${s.id}/approve`); onChange() }}>Approve</Act>}
        {may && <Act kind="plain" label={`Reject ${name}`} sure="It is removed and cannot be had back; it can be staged again." action={async () => { await api('DELETE', `/stages/${s.id}`); onChange() }}>Reject</Act>}
      </div>
      {open && <Inside id={s.id} />}
    </li>
  )
}

export function Staged({ query, may, onChange }: { query: string; may: boolean; onChange?: () => void }) {
  const list = useLoad(() => all<Stage>(`/stages?${query}`), [query])
  const changed = () => { list.reload(); onChange?.() }
  return (
    <>
      <Failure text={list.error} />
      {!list.ready && <Skeleton />}
      {list.value?.length === 0 && (
        <Empty title="Nothing waits for approval">
          <p><code>npm stage publish</code> hands a version in, with a token that need not be able to publish; here a person approves it. <Link to="/ui/tokens">Make such a token</Link></p>
        </Empty>
      )}
      <ul class="rows">{list.value?.map((s) => <Row key={s.id} s={s} may={may} onChange={changed} />)}</ul>
    </>
  )
}
