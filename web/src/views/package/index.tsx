// The page of a package: a part for each question that people have about it. A new part is a file here and a line in `tabs`.
import type { FunctionComponent } from 'preact'
import { get, type PackageDetail, type Session } from '../../api'
import { useEvents } from '../../events'
import { Copy, Failure, Skeleton, useLoad } from '../../parts'
import { Link, useLocation } from '../../router'
import { Staged } from '../staged'
import { Access } from './access'
import { Files } from './files'
import { Dependencies } from './needs'
import { Nodes } from './nodes'
import { Owners } from './owners'
import type { PagePart } from './page'
import { PublicPackage } from './public'
import { Overview } from './readme'
import { TrustedPublishers } from './trust'
import { Usage } from './usage'
import { Versions } from './versions'

const tabs: [string, string, FunctionComponent<PagePart>][] = [
  ['readme', 'README', Overview],
  ['versions', 'Versions', Versions],
  ['nodes', 'Nodes', Nodes],
  ['files', 'Files', Files],
  ['needs', 'Dependencies', Dependencies],
  ['usage', 'Usage', Usage],
  ['owners', 'Owners', Owners],
  ['access', 'Access', Access],
  ['staged', 'Staged', ({ p, may, reload }) => <Staged query={`package=${encodeURIComponent(p.name)}`} may={may('package:publish')} onChange={reload} />],
  ['trust', 'Trusted publishers', TrustedPublishers],
]

export function PackageView({ name, session }: { name: string; session: Session }) {
  const one = useLoad(() => get<PackageDetail>(`/packages/${name}`), [name])
  useEvents<{ name: string }>('package', (event) => { if (event.name === name) one.reload() }, one.reload)
  const at = useLocation().searchParams.get('tab')
  const p = one.value
  document.title = `${name} · Redhouse`
  if (one.error && !p) return <PublicPackage name={name} missing={one.error} />
  if (!p) return <Skeleton rows={6} />
  const scopes = session.tenants.find((t) => t.slug === p.tenant)?.scopes ?? []
  const may = (scope: string) => session.user.admin || scopes.includes(scope)
  const [current, , Part] = tabs.find(([id]) => id === at) ?? tabs[0]!
  const deprecated = p.versions.find((v) => v.version === p.latest)?.deprecated ?? null
  return (
    <>
      {p.tenant && <p class="crumb"><Link to={`/ui/tenants/${p.tenant}/packages`}>{p.tenant}</Link> /</p>}
      <div class="title"><h1>{p.name}</h1><span class="muted">{p.latest}</span></div>
      <p>{p.description}</p>
      {deprecated && <Failure text={`Deprecated: ${deprecated}`} />}
      <p><Copy text={`npm install ${p.name}`} /></p>
      <nav class="tabs" aria-label="Package">
        {tabs.map(([id, text]) => <Link key={id} to={`/ui/packages/${p.name}${id === tabs[0]![0] ? '' : `?tab=${id}`}`} current={id === current}>{text}</Link>)}
      </nav>
      <Part p={p} may={may} reload={one.reload} />
    </>
  )
}
