import { useState } from 'preact/hooks'
import { all, api, get, type Member, type Tenant } from '../api'
import { Act, Ago, Choice, Failure, Field, Form, Skeleton, useLoad } from '../parts'

const roles: [string, string][] = [['owner', 'Owner'], ['developer', 'Developer'], ['viewer', 'Viewer'], ['dashboard', 'Dashboard only']]

// Asks every member for a second factor, or no more.
function AskFactor({ tenant }: { tenant: string }) {
  const one = useLoad(() => get<Tenant>(`/tenants/${tenant}`), [tenant])
  const set = async (on: boolean) => { one.set(await api<Tenant>('PATCH', `/tenants/${tenant}`, { require_second_factor: on })) }
  if (!one.value) return null
  return (
    <div class="card row">
      <div class="grow"><strong>Second factor</strong>
        <div class="muted">{one.value.require_second_factor ? 'Every member needs one; without it they see nothing of this tenant.' : 'Each member decides for themselves.'}</div></div>
      {one.value.require_second_factor
        ? <Act label="Ask for no second factor" action={() => set(false)}>Ask no more</Act>
        : <Act label="Ask every member for a second factor" sure="Members without one lose sight of this tenant, its editors and its packages at once, until they have set one up." action={() => set(true)}>Ask every member</Act>}
    </div>
  )
}

export function Members({ tenant, may }: { tenant: string; may: boolean }) {
  const list = useLoad(() => all<Member>(`/tenants/${tenant}/members`), [tenant])
  const [user, setUser] = useState('')
  const [role, setRole] = useState('developer')
  const put = async (name: string, to: string) => {
    await api('PUT', `/tenants/${tenant}/members/${encodeURIComponent(name)}`, { role: to })
    list.reload()
  }
  return (
    <section aria-label="Members">
      <Failure text={list.error} />
      {!list.value && !list.error && <Skeleton />}
      <ul class="rows">
        {list.value?.map((m) => (
          <li key={m.user} class="card row">
            <div class="grow"><strong>{m.user}</strong> <span class="muted">{m.email} · since <Ago at={m.since} /></span></div>
            {may
              ? <><Choice label={`Role of ${m.user}`} name={`role-${m.user}`} value={m.role} options={roles} onInput={(to) => void put(m.user, to)} />
                <Act kind="plain" label={`Remove ${m.user}`} sure="Takes this person’s rights in the tenant; their account stays." action={async () => { await api('DELETE', `/tenants/${tenant}/members/${encodeURIComponent(m.user)}`); list.reload() }}>Remove</Act></>
              : <span>{m.role}</span>}
          </li>
        ))}
      </ul>
      {may && list.ready && <AskFactor tenant={tenant} />}
      {may && list.ready && (
        <div class="card narrow">
          <h2>Add a member</h2>
          <Form submit="Add" action={async () => { await put(user, role); setUser('') }}>
            <Field label="User name" name="user" value={user} onInput={setUser} required />
            <Choice label="Role" name="role" value={role} options={roles} onInput={setRole} />
          </Form>
        </div>
      )}
    </section>
  )
}
