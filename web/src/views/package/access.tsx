// Which teams may what, and what follows from it for each member.
import { useState } from 'preact/hooks'
import { all, api, get, type PackageAccess, type Team } from '../../api'
import { Act, Choice, Failure, Form, Skeleton, useLoad } from '../../parts'
import { Link } from '../../router'
import { path, type PagePart } from './page'

const permissions: [string, string][] = [['read-write', 'Read and write'], ['read-only', 'Read only']]
const named = (permission: string) => permissions.find(([key]) => key === permission)?.[1].toLowerCase() ?? permission

function Grant({ tenant, at, taken, reload }: { tenant: string; at: string; taken: string[]; reload: () => void }) {
  const teams = useLoad(() => all<Team>(`/tenants/${tenant}/teams`), [tenant])
  const [team, setTeam] = useState('')
  const [permission, setPermission] = useState('read-write')
  const free = (teams.value ?? []).map((t) => t.name).filter((name) => !taken.includes(name))
  const chosen = free.includes(team) ? team : free[0]
  if (!teams.value) return <Failure text={teams.error} />
  if (!chosen) return <p><Link to={`/ui/tenants/${tenant}/teams`}>{teams.value.length === 0 ? 'Make a team first' : 'All teams have a permission'}</Link></p>
  return (
    <Form submit="Give permission" action={async () => { await api('PUT', `${at}/teams/${encodeURIComponent(chosen)}`, { permission }); reload() }}>
      <Choice label="Team" name="team" value={chosen} options={free.map((name) => [name, name])} onInput={setTeam} />
      <Choice label="Permission" name="permission" value={permission} options={permissions} onInput={setPermission} />
    </Form>
  )
}

export function Access({ p }: PagePart) {
  const at = `${path(p)}/access`
  const access = useLoad(() => get<PackageAccess>(at), [at])
  const a = access.value
  if (!a) return access.error ? <Failure text={access.error} /> : <Skeleton />
  return (
    <section class="card narrow" aria-label="Access">
      <h2>Access</h2>
      <p class="muted">
        {a.tenant === null ? 'Everybody reads it; its owners and admins change it.'
          : a.teams.length === 0 ? 'No team has a permission, so every developer of the tenant publishes it.'
          : 'Its owners, teams that may write and the owners of the tenant publish it; every member reads it.'}
      </p>
      {a.teams.length > 0 && (
        <ul class="plainlist" aria-label="Teams">
          {a.teams.map((t) => (
            <li key={t.team} class="row">
              <span class="grow">{t.team} <span class="muted">{named(t.permission)}</span></span>
              {a.may_change && <Act kind="plain" label={`Take the permission of ${t.team}`} sure={a.teams.length === 1 ? 'No team is left then, and every developer of the tenant may publish the package again.' : undefined} action={async () => { await api('DELETE', `${at}/teams/${encodeURIComponent(t.team)}`); access.reload() }}>Take back</Act>}
            </li>
          ))}
        </ul>
      )}
      {a.may_change && a.tenant && <Grant tenant={a.tenant} at={at} taken={a.teams.map((t) => t.team)} reload={access.reload} />}
      <h3>Who may</h3>
      {a.people.length === 0 && <p class="muted">Administrators alone: the tenant has no members.</p>}
      <ul class="plainlist" aria-label="People">
        {a.people.map((one) => <li key={one.user} class="row"><span class="grow">{one.user}</span><span class="muted">{named(one.permissions)}</span></li>)}
      </ul>
    </section>
  )
}
