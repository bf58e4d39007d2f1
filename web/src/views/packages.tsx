import { useState } from 'preact/hooks'
import { all, get, send, type Package, type Platform } from '../api'
import { useEvents } from '../events'
import { Ago, Copy, Empty, Failure, message, Skeleton, useLoad } from '../parts'
import { Link } from '../router'

interface Upload { file: string; part: number; error: string | null; done: Published | null }
interface Published { name: string; version: string; notice: string | null }

// A tarball that is dropped here becomes a version: the package.json in it says of what.
function Publish({ tenant, onDone }: { tenant: string; onDone: () => void }) {
  const [over, setOver] = useState(false)
  const [list, setList] = useState<Upload[]>([])
  async function publish(files: File[]) {
    const uploads: Upload[] = files.map((f) => ({ file: f.name, part: 0, error: null, done: null }))
    const show = (i: number, change: Partial<Upload>) => { Object.assign(uploads[i]!, change); setList([...uploads]) }
    setList(uploads)
    for (const [i, file] of files.entries()) {
      try {
        show(i, { done: await send<Published>(`/tenants/${tenant}/packages`, file, 'application/gzip', (part) => show(i, { part })), part: 1 })
      } catch (failed) {
        show(i, { error: message(failed) })
      }
    }
    onDone()
  }
  return (
    <section
      class={`drop${over ? ' over' : ''}`}
      aria-label="Publish"
      onDragOver={(event) => { event.preventDefault(); setOver(true) }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => { event.preventDefault(); setOver(false); void publish([...event.dataTransfer?.files ?? []]) }}
    >
      <label class="button">
        Publish a .tgz
        <input type="file" class="hidden" accept=".tgz,.gz" multiple onChange={(event) => { void publish([...event.currentTarget.files ?? []]); event.currentTarget.value = '' }} />
      </label>
      <span class="muted"> or drop one here: what <code>npm pack</code> makes.</span>
      <ul class="plainlist" role="status">
        {list.map((u, i) => (
          <li key={i}>
            {u.done ? <>Published <Link to={`/ui/packages/${u.done.name}`}>{u.done.name}@{u.done.version}</Link></> : <>{u.file} {!u.error && <progress value={u.part} max={1} aria-label={u.file} />}</>}
            <Failure text={u.error} />
            {u.done?.notice && <div class="muted">{u.done.notice}</div>}
          </li>
        ))}
      </ul>
    </section>
  )
}

export function Packages({ tenant, may }: { tenant: string; may: boolean }) {
  const [filter, setFilter] = useState('')
  const list = useLoad(() => all<Package>(`/packages?tenant=${tenant}&filter=${encodeURIComponent(filter.trim())}`), [tenant, filter.trim()])
  const platform = useLoad(() => get<Platform>('/platform'), [])
  useEvents<unknown>('package', list.reload, list.reload)
  return (
    <section aria-label="Packages">
      <div class="bar"><input type="search" aria-label="Filter packages" placeholder="Filter" maxLength={250} value={filter} onInput={(e) => setFilter(e.currentTarget.value)} /></div>
      {may && <Publish tenant={tenant} onDone={list.reload} />}
      <Failure text={list.error} />
      {!list.value && !list.error && <Skeleton />}
      {list.value?.length === 0 && filter.trim() !== '' && <p class="muted">No package of this tenant fits.</p>}
      {list.value?.length === 0 && filter.trim() === '' && (
        <Empty title="No packages yet">
          <p>Publish a node whose name begins with <code>@{tenant}/</code>:</p>
          <p><Copy text={`npm login --registry ${platform.value?.registry_url ?? ''}`} /></p>
          <p><Copy text={`npm publish --registry ${platform.value?.registry_url ?? ''}`} /></p>
        </Empty>
      )}
      <ul class="rows">
        {list.value?.map((p) => (
          <li key={p.name} class="card row">
            <div class="grow">
              <Link to={`/ui/packages/${p.name}`} class="strong">{p.name}</Link> <span class="muted">{p.latest}</span>
              {p.deprecated && <span class="state state-failed">deprecated</span>}
              <div>{p.description}</div>
              <div class="muted">{p.types.map((t) => <code key={t}>{t}</code>)} <Ago at={p.updated_at} /></div>
            </div>
          </li>
        ))}
      </ul>
    </section>
  )
}
