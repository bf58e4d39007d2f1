import { useState } from 'preact/hooks'
import { all, get, type Package, type Platform } from '../api'
import { useEvents } from '../events'
import { Ago, Copy, Empty, Failure, Skeleton, useLoad } from '../parts'
import { Link } from '../router'

export function Packages({ tenant }: { tenant: string }) {
  const [filter, setFilter] = useState('')
  const list = useLoad(() => all<Package>(`/packages?tenant=${tenant}&filter=${encodeURIComponent(filter.trim())}`), [tenant, filter.trim()])
  const platform = useLoad(() => get<Platform>('/platform'), [])
  useEvents<unknown>('package', list.reload, list.reload)
  return (
    <section aria-label="Packages">
      <div class="bar"><input type="search" aria-label="Filter packages" placeholder="Filter" maxLength={250} value={filter} onInput={(e) => setFilter(e.currentTarget.value)} /></div>
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
