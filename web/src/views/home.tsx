import { useState } from 'preact/hooks'
import { all, get, post, type Instance, type Package, type Platform, type Session, type Stack, type Tenant } from '../api'
import { useEvents } from '../events'
import { Copy, Dialog, Failure, Field, Form, Skeleton, State, useLoad } from '../parts'
import { go, Link } from '../router'

function NewTenant({ onClose }: { onClose: () => void }) {
  const [slug, setSlug] = useState('')
  const [name, setName] = useState('')
  return (
    <Dialog title="New tenant" onClose={onClose}>
      <Form submit="Create" action={async () => { await post('/tenants', { slug, name: name || slug }); onClose(); location.assign(`/ui/tenants/${slug}`) }}>
        <Field label="Slug" name="slug" value={slug} onInput={setSlug} required autofocus hint="Also its npm scope: @slug. Letters, digits and hyphens." />
        <Field label="Name" name="name" value={name} onInput={setName} placeholder={slug} />
      </Form>
    </Dialog>
  )
}

// What a new platform still needs, in order; the first that is missing is the one to do now.
function FirstSteps({ admin, stacks, tenants, instances, packages, platform }: { admin: boolean; stacks: Stack[]; tenants: Tenant[]; instances: Instance[]; packages: Package[]; platform: Platform | null }) {
  const tenant = tenants[0]?.slug
  const scope = tenant ?? 'acme'
  const steps: [boolean, string, preact.ComponentChildren][] = [
    [stacks.some((s) => s.state === 'ready'), 'Add a stack', <>The Node-RED that instances run on. {admin ? <Link to="/ui/stacks">Stacks</Link> : 'An admin does this.'}</>],
    [tenants.length > 0, 'Make a tenant', <>A tenant owns instances, members and the npm scope <code>@{scope}</code>. {admin ? '“New tenant”, above.' : 'An admin does this.'}</>],
    [instances.length > 0, 'Make an instance', <>A Node-RED of its own, at its own address. {tenant && <Link to={`/ui/tenants/${tenant}/instances`}>Instances of {tenants[0]!.name}</Link>}</>],
    [packages.length > 0, 'Publish a node', <>
      <Copy text={`npm login --registry ${platform?.registry_url ?? ''}`} /> then, in a node whose name begins with <code>@{scope}/</code>,{' '}
      <Copy text={`npm publish --registry ${platform?.registry_url ?? ''}`} />
    </>],
    [false, 'Install it', <>In the editor: menu, <em>Manage palette</em>, <em>Install</em>. Your organisation’s nodes are listed there.</>],
  ]
  if (packages.length > 0 && instances.length > 0) return null
  const next = steps.findIndex(([done]) => !done)
  return (
    <section class="card" aria-labelledby="first">
      <h2 id="first">First steps</h2>
      <ol class="steps">
        {steps.map(([done, title, text], i) => (
          <li key={title} class={done ? 'done' : i === next ? 'next' : ''} aria-current={i === next ? 'step' : undefined}>
            <strong>{title}</strong>{done ? <span class="state state-done">done</span> : <> <span>{text}</span></>}
          </li>
        ))}
      </ol>
    </section>
  )
}

export function Home({ session }: { session: Session }) {
  const [adding, setAdding] = useState(false)
  const tenants = useLoad(() => all<Tenant>('/tenants'), [])
  const instances = useLoad(() => all<Instance>('/instances'), [])
  const packages = useLoad(() => all<Package>('/packages'), [])
  const stacks = useLoad(() => all<Stack>('/stacks'), [])
  const platform = useLoad(() => get<Platform>('/platform'), [])
  useEvents<Instance>('instance', instances.reload, instances.reload)

  const ready = [tenants, instances, packages, stacks].every((load) => load.ready)
  document.title = 'Redhouse'
  if (tenants.error) return <Failure text={tenants.error} />
  return (
    <>
      <div class="title">
        <h1>Tenants</h1>
        {session.user.admin && <button type="button" class="primary" onClick={() => setAdding(true)}>New tenant</button>}
      </div>
      {session.tenants.filter((t) => t.needs_second_factor).map((t) => (
        <p key={t.slug} class="card notice"><strong>{t.name}</strong> asks its members for a second factor. <Link to="/ui/account">Set one up</Link></p>
      ))}
      <Failure text={instances.error ?? packages.error ?? stacks.error} />
      {tenants.value && instances.value && packages.value && stacks.value &&
        <FirstSteps admin={session.user.admin} stacks={stacks.value} tenants={tenants.value} instances={instances.value} packages={packages.value} platform={platform.value} />}
      {!ready && <Skeleton />}
      <div class="tiles">
        {ready && tenants.value?.map((t) => (
          <section key={t.slug} class="card tile" aria-label={t.name}>
            <h2><Link to={`/ui/tenants/${t.slug}`}>{t.name}</Link></h2>
            <p class="muted">{t.slug} · {t.members} {t.members === 1 ? 'member' : 'members'} · you are {t.role}</p>
            <ul class="plainlist">
              {(instances.value ?? []).filter((i) => i.tenant === t.slug).map((i) => (
                <li key={i.slug}><Link to={`/ui/instances/${i.slug}`}>{i.name}</Link> <State state={i.state} />
                  {i.state === 'running' && <a class="right" href={i.url}>Open editor</a>}</li>
              ))}
              {!instances.value?.some((i) => i.tenant === t.slug) && <li class="muted">No instances yet</li>}
            </ul>
          </section>
        ))}
      </div>
      {adding && <NewTenant onClose={() => { setAdding(false); go('/ui/', true); tenants.reload() }} />}
    </>
  )
}
