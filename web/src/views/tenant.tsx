import { get, type Session, type Tenant } from '../api'
import { Missing, Skeleton, useLoad } from '../parts'
import { Link } from '../router'
import { TenantCatalogue } from './catalogue'
import { Hooks } from './hooks'
import { Instances } from './instances'
import { Keeping } from './keeping'
import { Members } from './members'
import { Packages } from './packages'
import { TenantPolicy } from './policy'
import { Sources } from './sources'
import { Staged } from './staged'
import { Teams } from './teams'
import { TenantTheme } from './theme'

const tabs: [string, string][] = [['instances', 'Instances'], ['packages', 'Packages'], ['palette', 'Palette'], ['staged', 'Staged'], ['sources', 'Sources'], ['hooks', 'Webhooks'], ['policy', 'Policy'], ['theme', 'Theme'], ['members', 'Members'], ['teams', 'Teams']]

export function TenantView({ slug, tab, session }: { slug: string; tab: string; session: Session }) {
  const tenant = useLoad(() => get<Tenant>(`/tenants/${slug}`), [slug])
  const scopes = session.tenants.find((t) => t.slug === slug)?.scopes ?? []
  const may = (scope: string) => session.user.admin || scopes.includes(scope)

  document.title = `${tenant.value?.name ?? slug} · Redhouse`
  if (tenant.error) return <Missing text={tenant.error} />
  return (
    <>
      <div class="title"><h1>{tenant.value?.name ?? <Skeleton rows={1} />}</h1><span class="muted">@{slug}</span></div>
      <nav class="tabs" aria-label="Tenant">
        {tabs.map(([id, text]) => <Link key={id} to={`/ui/tenants/${slug}/${id}`} current={id === tab}>{text}</Link>)}
      </nav>
      {tab === 'packages' ? <><Packages tenant={slug} may={may('package:publish')} /><Keeping tenant={slug} may={may('tenant:admin')} /></>
        : tab === 'palette' ? <TenantCatalogue tenant={slug} may={may('package:publish')} admin={may('tenant:admin')} />
        : tab === 'staged' ? <Staged query={`tenant=${slug}`} may={may('package:publish')} />
        : tab === 'sources' ? <Sources tenant={slug} may={may('source:write')} />
        : tab === 'hooks' ? <Hooks tenant={slug} may={may('tenant:admin')} />
        : tab === 'policy' ? <TenantPolicy tenant={slug} may={may('tenant:admin')} />
        : tab === 'theme' ? <TenantTheme tenant={slug} may={may('theme:write')} />
        : tab === 'teams' ? <Teams tenant={slug} may={may('tenant:admin')} />
        : tab === 'members' ? <Members tenant={slug} may={may('tenant:admin')} />
        : <Instances tenant={slug} may={may('instance:control')} />}
    </>
  )
}
