// Groups of a tenant's members; what they may with a package is told on its page.
import { useState } from 'preact/hooks'
import { all, api, post, type Member, type Team } from '../api'
import { Act, Choice, Empty, Failure, Field, Form, Skeleton, useLoad } from '../parts'
import { Link } from '../router'

function Join({ at, free, reload }: { at: string; free: string[]; reload: () => void }) {
  const [user, setUser] = useState('')
  const chosen = user || free[0]
  if (!chosen) return null
  return (
    <Form submit="Add to the team" action={async () => { await post(`${at}/members`, { user: chosen }); setUser(''); reload() }}>
      <Choice label="Member of the tenant" name="user" value={chosen} options={free.map((name) => [name, name])} onInput={setUser} />
    </Form>
  )
}

function One({ tenant, team, members, may, reload }: { tenant: string; team: Team; members: Member[]; may: boolean; reload: () => void }) {
  const at = `/tenants/${tenant}/teams/${encodeURIComponent(team.name)}`
  return (
    <li class="card" aria-label={team.name}>
      <div class="row">
        <div class="grow"><strong>{team.name}</strong> <span class="muted">{team.description}</span></div>
        {may && <Act kind="plain" label={`Remove the team ${team.name}`} sure="Its permissions go with it. A package for which no team has a permission any more is open to every developer of the tenant." action={async () => { await api('DELETE', at); reload() }}>Remove</Act>}
      </div>
      {team.members.length === 0 && <p class="muted">Nobody is in it yet.</p>}
      <ul class="plainlist">
        {team.members.map((m) => (
          <li key={m.user} class="row">
            <span class="grow">{m.user} <span class="muted">{m.role}</span></span>
            {may && <Act kind="plain" label={`Take ${m.user} out of ${team.name}`} action={async () => { await api('DELETE', `${at}/members/${encodeURIComponent(m.user)}`); reload() }}>Take out</Act>}
          </li>
        ))}
        {team.packages.map((p) => <li key={p.name}><Link to={`/ui/packages/${p.name}?tab=access`}>{p.name}</Link> <span class="muted">{p.permission}</span></li>)}
      </ul>
      {may && <Join at={at} free={members.map((m) => m.user).filter((name) => !team.members.some((m) => m.user === name))} reload={reload} />}
    </li>
  )
}

export function Teams({ tenant, may }: { tenant: string; may: boolean }) {
  const list = useLoad(() => all<Team>(`/tenants/${tenant}/teams`), [tenant])
  const members = useLoad(() => all<Member>(`/tenants/${tenant}/members`), [tenant])
  const [name, setName] = useState('')
  const [description, setDescription] = useState('')
  return (
    <section aria-label="Teams">
      <p class="muted">Every developer publishes every package of the tenant, until a team gets a permission for one on the page of that package.</p>
      <Failure text={list.error} />
      {!list.value && !list.error && <Skeleton />}
      {list.value?.length === 0 && <Empty title="There are no teams" />}
      <ul class="rows">
        {list.value?.map((team) => <One key={team.name} tenant={tenant} team={team} members={members.value ?? []} may={may} reload={list.reload} />)}
      </ul>
      {may && list.ready && (
        <div class="card narrow">
          <h2>Make a team</h2>
          <Form submit="Make" action={async () => { await post(`/tenants/${tenant}/teams`, { name, description }); setName(''); setDescription(''); list.reload() }}>
            <Field label="Name" name="name" value={name} onInput={setName} required hint="npm calls it by this: npm team ls" />
            <Field label="Description" name="description" value={description} onInput={setDescription} />
          </Form>
        </div>
      )}
    </section>
  )
}
