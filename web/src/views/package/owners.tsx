// Who looks after the package.
import { useState } from 'preact/hooks'
import { api, post } from '../../api'
import { Act, Field, Form } from '../../parts'
import { path, type PagePart } from './page'

export function Owners({ p, may, reload }: PagePart) {
  const [user, setUser] = useState('')
  const publish = may('package:publish')
  return (
    <section class="card narrow" aria-label="Owners">
      <h2>Owners</h2>
      <p class="muted">{p.tenant ? 'They and the owners of the tenant may unpublish it and name other owners.' : 'Only they and admins may publish, tag, deprecate or remove it.'}</p>
      {p.owners.length === 0 && <p>Nobody: it came from git and belongs to the tenant.</p>}
      <ul class="plainlist">
        {p.owners.map((o) => (
          <li key={o.user} class="row">
            <span class="grow">{o.user}</span>
            {publish && <Act kind="plain" label={`Remove ${o.user}`} disabled={p.owners.length === 1} action={async () => { await api('DELETE', `${path(p)}/owners/${encodeURIComponent(o.user)}`); reload() }}>Remove</Act>}
          </li>
        ))}
      </ul>
      {publish && (
        <Form submit="Add owner" action={async () => { await post(`${path(p)}/owners`, { user }); setUser(''); reload() }}>
          <Field label="User name" name="user" value={user} onInput={setUser} required />
        </Form>
      )}
    </section>
  )
}
