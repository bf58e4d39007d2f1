import { useState } from 'preact/hooks'
import { all, api, type Member } from '../api'
import { Act, Ago, Choice, Failure, Field, Form, Skeleton, useLoad } from '../parts'

const roles: [string, string][] = [['owner', 'Owner'], ['developer', 'Developer'], ['viewer', 'Viewer'], ['dashboard', 'Dashboard only']]

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
