import { useState } from 'preact/hooks'
import { all, api, post, type User } from '../api'
import { Act, Ago, Choice, Failure, Field, Form, Skeleton, useLoad } from '../parts'

export function Users({ tenants }: { tenants: string[] }) {
  const list = useLoad(() => all<User>('/users'), [])
  const [name, setName] = useState('')
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  const [tenant, setTenant] = useState('')
  document.title = 'Users · Redhouse'
  return (
    <>
      <h1>Users</h1>
      <Failure text={list.error} />
      {!list.value && !list.error && <Skeleton />}
      <ul class="rows">
        {list.value?.map((u) => (
          <li key={u.name} class="card row">
            <div class="grow"><strong>{u.name}</strong> {u.admin && <span class="state">admin</span>} {u.second_factor && <span class="state">second factor</span>}
              <div class="muted">{[u.email, ...u.tenants.map((t) => `${t.slug} (${t.role})`)].filter(Boolean).map((part) => `${part} · `)}last here <Ago at={u.last_login_at} /></div></div>
            {u.second_factor && <Act kind="plain" label={`Reset the second factor of ${u.name}`} sure="For somebody who has lost the authenticator app and the recovery codes. Be sure who asks: from then on the password is enough." action={async () => { await api('DELETE', `/users/${encodeURIComponent(u.name)}/factor`); list.reload() }}>Reset second factor</Act>}
            <Act kind="plain" label={`Remove ${u.name}`} sure="Ends this person’s sessions and tokens, here and in all tenants. What they published stays." action={async () => { await api('DELETE', `/users/${encodeURIComponent(u.name)}`); list.reload() }}>Remove</Act>
          </li>
        ))}
      </ul>
      {list.ready && <div class="card narrow">
        <h2>New user</h2>
        <Form
          submit="Create"
          action={async () => {
            await post('/users', { name, email: email || undefined, password, must_change_password: true, ...(tenant ? { tenant, role: 'developer' } : {}) })
            setName(''); setEmail(''); setPassword('')
            list.reload()
          }}
        >
          <Field label="User name" name="name" value={name} onInput={setName} required />
          <Field label="E-mail" name="email" type="email" value={email} onInput={setEmail} />
          <Field label="First password" name="password" type="password" value={password} onInput={setPassword} required autocomplete="new-password" hint="To be changed at the first login." />
          <Choice label="Tenant" name="tenant" value={tenant} onInput={setTenant} options={[['', 'none'], ...tenants.map((t): [string, string] => [t, t])]} />
        </Form>
      </div>}
    </>
  )
}
