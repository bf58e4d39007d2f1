// What Manage Palette offers beside a tenant's own packages: public ones that were picked, by the tenant or for all; and the address under
// which Node-REDs elsewhere read the catalogue.
import { useState } from 'preact/hooks'
import { all, api, get, post, type Pick } from '../api'
import { Act, Ago, Copy, Dialog, Empty, Failure, Field, Form, Skeleton, useLoad } from '../parts'

const at = (base: string, name: string) => `${base}/catalogue/picks/${encodeURIComponent(name)}`

function Edit({ base, pick, onClose, onDone }: { base: string; pick: Pick | null; onClose: () => void; onDone: () => void }) {
  const [name, setName] = useState(pick?.name ?? '')
  const [badge, setBadge] = useState(pick?.badge ?? '')
  const [note, setNote] = useState(pick?.note ?? '')
  return (
    <Dialog title={pick ? pick.name : 'Pick a public package'} onClose={onClose}>
      <Form submit={pick ? 'Save' : 'Pick'} action={async () => { await api('PUT', at(base, name.trim()), { badge, note }); onDone(); onClose() }}>
        {!pick && <Field label="Package" name="name" value={name} onInput={setName} required autofocus placeholder="node-red-dashboard" />}
        <Field label="Badge" name="badge" value={badge} onInput={setBadge} placeholder="recommended" hint="A word or two before the description." />
        <Field label="Note" name="note" value={note} onInput={setNote} placeholder="Use the one of the shared dashboard" />
      </Form>
    </Dialog>
  )
}

function Row({ base, pick, may, first, onUp, onEdit, onDone }: { base: string; pick: Pick; may: boolean; first: boolean; onUp: () => Promise<void>; onEdit: () => void; onDone: () => void }) {
  return (
    <li class="card row">
      <div class="grow">
        <strong>{pick.name}</strong> <span class="muted">{pick.version}</span> {pick.badge && <span class="state">{pick.badge}</span>} {pick.deprecated && <span class="state state-failed">deprecated</span>}
        {pick.note && <div>{pick.note}</div>}
        <div class={pick.note ? 'muted' : undefined}>{pick.description}</div>
        <div class="muted">{pick.types.slice(0, 12).map((t) => <span key={t}><code>{t}</code> </span>)}{pick.types.length > 12 && `and ${pick.types.length - 12} more `}published <Ago at={pick.updated_at} /></div>
        {pick.cause && <Failure text={`The last look at the uplink failed: ${pick.cause}`} />}
        {pick.hidden && <Failure text="A package of this platform has this name by now and stands in the catalogue in its place." />}
      </div>
      {may && (
        <div class="controls">
          {!first && <Act label={`Move ${pick.name} up`} action={onUp}>Up</Act>}
          <button type="button" aria-label={`Edit ${pick.name}`} onClick={onEdit}>Edit</button>
          <Act label={`Remove ${pick.name}`} action={async () => { await api('DELETE', at(base, pick.name)); onDone() }}>Remove</Act>
        </div>
      )}
    </li>
  )
}

// base: of the tenant's API, or '' for the platform's.
function Picks({ base, may }: { base: string; may: boolean }) {
  const list = useLoad(() => all<Pick>(`${base}/catalogue/picks`), [base])
  const [editing, setEditing] = useState<Pick | 'new' | null>(null)
  const own = list.value?.filter((p) => p.platform === (base === '')) ?? []
  const others = list.value?.filter((p) => p.platform && base !== '') ?? []
  async function up(i: number) {
    const order = own.map((p) => p.name)
    order.splice(i - 1, 2, order[i]!, order[i - 1]!)
    for (const [position, name] of order.entries())
      if (own.find((p) => p.name === name)!.position !== position) await api('PUT', at(base, name), { position })
    list.reload()
  }
  return (
    <>
      {may && <div class="bar"><button type="button" class="primary" onClick={() => setEditing('new')}>Pick a package</button></div>}
      <Failure text={list.error} />
      {!list.ready && <Skeleton />}
      {list.value?.length === 0 && <Empty title="No public packages yet"><p>What is picked here shows in Manage Palette beside {base ? "the tenant's own packages" : 'the packages of each tenant'}.</p></Empty>}
      <ul class="rows" aria-label="Picked packages">
        {own.map((pick, i) => <Row key={pick.name} base={base} pick={pick} may={may} first={i === 0} onUp={() => up(i)} onEdit={() => setEditing(pick)} onDone={list.reload} />)}
      </ul>
      {others.length > 0 && <><h2>For all tenants</h2><ul class="rows">{others.map((pick) => <Row key={pick.name} base={base} pick={pick} may={false} first onUp={async () => {}} onEdit={() => {}} onDone={() => {}} />)}</ul></>}
      {editing && <Edit base={base} pick={editing === 'new' ? null : editing} onClose={() => setEditing(null)} onDone={list.reload} />}
    </>
  )
}

function Address({ tenant }: { tenant: string }) {
  const key = useLoad(() => get<{ created_by: string | null; created_at: string | null }>(`/tenants/${tenant}/catalogue/key`), [tenant])
  const [url, setUrl] = useState<string | null>(null)
  const has = key.value?.created_by
  const make = async () => { setUrl((await post<{ url: string }>(`/tenants/${tenant}/catalogue/key`)).url); key.reload() }
  return (
    <section class="card narrow" aria-label="Node-REDs elsewhere">
      <h2>Node-REDs elsewhere</h2>
      <p class="muted">Under an address of its own the catalogue shows in any Node-RED: add it to <code>editorTheme.palette.catalogues</code> in its settings.js. Who has the address reads names and descriptions; installing needs a token.</p>
      <Failure text={key.error} />
      {has && <p>Made by {has} <Ago at={key.value!.created_at} />.</p>}
      {url && <div class="notice card" role="status"><p>Copy it now: it is not shown again.</p><Copy text={url} name="Copy the address" /></div>}
      {key.value && (
        <div class="controls">
          {has
            ? <Act label="Make a new address" sure="The address that is in use ends at once." action={make}>Make a new one</Act>
            : <Act action={make}>Make an address</Act>}
          {has && <Act label="End the address" sure="Node-REDs that use it show this catalogue no longer." action={async () => { await api('DELETE', `/tenants/${tenant}/catalogue/key`); setUrl(null); key.reload() }}>End it</Act>}
        </div>
      )}
    </section>
  )
}

export function TenantCatalogue({ tenant, may, admin }: { tenant: string; may: boolean; admin: boolean }) {
  return <section aria-label="Palette"><Picks base={`/tenants/${tenant}`} may={may} />{admin && <Address tenant={tenant} />}</section>
}

export function PlatformCatalogue() {
  document.title = 'Palette · Redhouse'
  return <><h1>Palette</h1><p class="muted">Public packages that Manage Palette offers to all tenants, after those that a tenant picks itself.</p><Picks base="" may /></>
}
