// Who uses which version in which instance, and how often it is downloaded.
import { get, type Downloads, type PackageDetail, type PackageUser } from '../../api'
import { Bars, Empty, Failure, Skeleton, useLoad } from '../../parts'
import { Link } from '../../router'
import { path } from './page'

// The last 30 days, also those without a download.
function days(list: Downloads['days']) {
  const counts = new Map(list.map((d) => [d.day, d.count]))
  return Array.from({ length: 30 }, (_, i) => {
    const day = new Date(Date.now() - (29 - i) * 86_400_000).toISOString().slice(0, 10)
    return { value: counts.get(day) ?? 0, text: `${day}: ${counts.get(day) ?? 0}` }
  })
}

// latest: '' of a public package, which may never have been downloaded from here.
export function Usage({ p }: { p: Pick<PackageDetail, 'name' | 'latest'> }) {
  const users = useLoad(() => get<{ items: PackageUser[]; more: boolean }>(`${path(p)}/users`), [p.name])
  const downloads = useLoad(() => get<Downloads>(`${path(p)}/downloads`), [p.name])
  if (!users.ready || !downloads.ready) return <Skeleton rows={4} />
  const d = downloads.value, list = users.value?.items ?? []
  return (
    <>
      <Failure text={users.error} />
      {users.value && list.length === 0 && <Empty title="No instance has it"><p>Instances tell what they have installed when they start and whenever it changes.</p></Empty>}
      {list.length > 0 && (
        <section class="card" aria-label="Instances">
          <h2>Instances</h2>
          <ul class="plainlist">
            {list.map((u) => (
              <li key={`${u.instance} ${u.version}`}>
                <Link to={`/ui/instances/${u.instance}`}>{u.tenant}/{u.instance}</Link> <code>{u.version}</code>
                {p.latest !== '' && u.version !== p.latest && !u.pending_version && <span class="muted"> not the latest</span>}
                {u.pending_version && <span class="muted"> {u.pending_version} after its next start</span>}
                {!u.direct && <span class="muted"> needed by another package</span>}
              </li>
            ))}
          </ul>
          {users.value?.more && <p class="muted">And more.</p>}
        </section>
      )}
      {p.latest !== '' && <Failure text={downloads.error} />}
      {d && (
        <figure class="chart card">
          <figcaption>{d.week} downloads in the last 7 days, {d.total} in all</figcaption>
          <Bars label="Downloads by day" bars={days(d.days)} />
          <div class="muted">{d.versions.slice(0, 12).map((v) => <span key={v.version}><code>{v.version}</code> {v.count} </span>)}</div>
        </figure>
      )}
    </>
  )
}
