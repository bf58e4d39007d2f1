// Which CI jobs may publish the package without a secret of ours.
import { useState } from 'preact/hooks'
import { all, api, post } from '../../api'
import { Act, Ago, Choice, Empty, Failure, Field, Form, Skeleton, useLoad } from '../../parts'
import { path, type PagePart } from './page'

interface Trust {
  id: string; issuer: string; claims: Record<string, string | string[]>; publish: boolean; stage: boolean
  last_used_at: string | null; last_refused_at: string | null; last_refused: string | null
}

const kinds: Record<string, { entity: string; where: string; file: string; claims: (entity: string, file: string) => Record<string, string> }> = {
  github: { entity: 'Repository', where: 'acme/nodes', file: 'release.yml',
    claims: (repository, file) => ({ repository, workflow_ref: `${repository}/.github/workflows/${file}@*` }) },
  gitlab: { entity: 'Project', where: 'group/nodes', file: '.gitlab-ci.yml',
    claims: (project_path, file) => ({ project_path, ci_config_ref_uri: `*/${project_path}//${file}@*` }) },
}

// "name=text" a line.
const read = (text: string) => Object.fromEntries(text.split('\n').filter((line) => line.includes('=')).map((line) => {
  const at = line.indexOf('=')
  return [line.slice(0, at).trim(), line.slice(at + 1).trim()]
}))

function Row({ p, trust: t, may, reload }: { p: PagePart['p']; trust: Trust; may: boolean; reload: () => void }) {
  const refused = t.last_refused_at && (!t.last_used_at || t.last_refused_at > t.last_used_at)
  return (
    <li class="card row">
      <div class="grow">
        <strong>{t.issuer}</strong> {t.publish ? 'publishes' : 'hands in versions that a person approves'}
        {Object.entries(t.claims).map(([name, value]) => <div key={name}><code>{name}</code> {[value].flat().map((v) => <code key={v}>{v}</code>)}</div>)}
        <div class="muted">used <Ago at={t.last_used_at} /></div>
        {refused && <Failure text={`Refused ${new Date(t.last_refused_at!).toLocaleString()}: ${t.last_refused}`} />}
      </div>
      {may && <Act kind="plain" label={`Remove ${t.issuer}`} action={async () => { await api('DELETE', `${path(p)}/trust/${t.id}`); reload() }}>Remove</Act>}
    </li>
  )
}

const blank = { entity: '', file: '', environment: '', claims: '', what: 'publish' }

function NewTrust({ p, issuers, onMade }: { p: PagePart['p']; issuers: string[]; onMade: () => void }) {
  const [issuer, setIssuer] = useState(issuers[0]!)
  const [form, setForm] = useState(blank)
  const field = (key: keyof typeof blank) => ({ name: key, value: form[key], onInput: (value: string) => setForm({ ...form, [key]: value }) })
  const kind = kinds[issuer]
  const make = async () => {
    const claims = kind ? { ...kind.claims(form.entity, form.file), ...(form.environment && { environment: form.environment }) } : read(form.claims)
    await post(`${path(p)}/trust`, { issuer, claims, publish: form.what === 'publish', stage: true })
    setForm(blank)
    onMade()
  }
  return (
    <div class="card narrow">
      <h2>New trusted publisher</h2>
      <Form submit="Trust this job" action={make}>
        <Choice label="Issuer" name="issuer" value={issuer} onInput={setIssuer} options={issuers.map((one) => [one, one])} />
        {kind ? (
          <>
            <Field label={kind.entity} {...field('entity')} required placeholder={kind.where} />
            <Field label="Workflow file" {...field('file')} required placeholder={kind.file} />
            <Field label="Environment" {...field('environment')} hint="Empty: any." />
          </>
        ) : (
          <label class="field">
            <span>Claims</span>
            <textarea name="claims" rows={4} required spellcheck={false} placeholder={'repository=acme/nodes\nref=refs/tags/v*'} value={form.claims} onInput={(event) => setForm({ ...form, claims: event.currentTarget.value })} />
            <small>One a line, as the ID token has them; a star is any run.</small>
          </label>
        )}
        <Choice label="May" {...field('what')} options={[['publish', 'Publish'], ['stage', 'Hand in versions that a person approves']]} />
      </Form>
    </div>
  )
}

export function TrustedPublishers({ p, may }: PagePart) {
  const publish = may('package:publish')
  const rows = useLoad(() => publish ? all<Trust>(`${path(p)}/trust`) : Promise.resolve([]), [p.name])
  const issuers = useLoad(() => all<{ name: string }>('/trust/issuers'), [])
  if (!publish) return <Empty title="Only who may publish sees whom the package trusts" />
  return (
    <section aria-label="Trusted publishers">
      <p class="muted">A CI job shows the ID token that its CI gives it and publishes without a secret. In the job: <code>npm publish</code>, audience <code>npm:{location.hostname}</code>.</p>
      <Failure text={rows.error ?? issuers.error} />
      {!rows.value && !rows.error && <Skeleton />}
      {rows.value?.length === 0 && <Empty title="No trusted publishers yet" />}
      <ul class="rows">{rows.value?.map((t) => <Row key={t.id} p={p} trust={t} may={publish} reload={rows.reload} />)}</ul>
      {issuers.value?.length === 0 && <p>The platform believes no CI yet. An administrator adds one under <em>Platform</em>, <em>CI</em>, or by <code>redhouse issuer add github</code>.</p>}
      {issuers.value && issuers.value.length > 0 && <NewTrust p={p} issuers={issuers.value.map((i) => i.name)} onMade={rows.reload} />}
    </section>
  )
}
