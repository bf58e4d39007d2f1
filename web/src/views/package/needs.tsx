// What the package needs, and which packages here need it.
import { get, type Need, type Needs } from '../../api'
import { Failure, Skeleton, useLoad } from '../../parts'
import { Link } from '../../router'
import { path, type PagePart } from './page'

const words: Record<string, string> = { dependencies: '', optionalDependencies: 'optional', peerDependencies: 'peer' }

function List({ title, none, list }: { title: string; none: string; list: Need[] }) {
  return (
    <section class="card half" aria-label={title}>
      <h2>{title}</h2>
      {list.length === 0 && <p class="muted">{none}</p>}
      <ul class="plainlist">
        {list.map((n) => (
          <li key={`${n.name} ${n.kind}`}>
            {n.name.startsWith('@') ? <Link to={`/ui/packages/${n.name}`}>{n.name}</Link> : n.name} <code>{n.range}</code> {words[n.kind] && <span class="state">{words[n.kind]}</span>}
          </li>
        ))}
      </ul>
    </section>
  )
}

export function Dependencies({ p }: PagePart) {
  const load = useLoad(() => get<Needs>(`${path(p)}/needs`), [p.name, p.latest])
  const n = load.value
  if (!n) return load.error ? <Failure text={load.error} /> : <Skeleton rows={4} />
  return (
    <div class="split">
      <List title={`Needs (${n.needs.length})`} none="It needs no other package." list={n.needs} />
      <List title={`Needed by (${n.needed_by.length}${n.more ? '+' : ''})`} none="No package here needs it." list={n.needed_by} />
    </div>
  )
}
