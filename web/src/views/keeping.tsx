import { useEffect, useState } from 'preact/hooks'
import { api, follow, get, post, type Operation, type Quota, type Retention } from '../api'
import { Act, Ago, Failure, Field, Form, size, useLoad } from '../parts'
import { Link } from '../router'

const of = (max: string | null) => (max === null ? '' : ` of ${max}`)

// Empty: that rule does not count.
const number = (text: string) => (text.trim() === '' ? null : Number(text))

function Rule({ tenant, rule, onSaved }: { tenant: string; rule: Retention; onSaved: (rule: Retention) => void }) {
  const [keep, setKeep] = useState(rule.keep === null ? '' : String(rule.keep))
  const [days, setDays] = useState(rule.days === null ? '' : String(rule.days))
  return (
    <Form submit="Save" action={async () => { onSaved(await api<Retention>('PUT', `/tenants/${tenant}/retention`, { keep: number(keep), days: number(days) })) }}>
      <Field label="Newest of each package" name="keep" type="number" value={keep} onInput={setKeep} hint="Empty: the number does not count." />
      <Field label="Younger than so many days" name="days" type="number" value={days} onInput={setDays} hint="Empty: the age does not count. What a tag names or an instance has always stays." />
    </Form>
  )
}

// What a tenant's packages take, and which pre-releases stay.
export function Keeping({ tenant, may }: { tenant: string; may: boolean }) {
  const quota = useLoad(() => get<Quota>(`/tenants/${tenant}/quota`), [tenant])
  const rule = useLoad(() => get<Retention>(`/tenants/${tenant}/retention`), [tenant])
  const [saved, setSaved] = useState(0)
  useEffect(() => setSaved(0), [tenant])
  async function run() {
    const { operation } = await post<{ operation: Operation }>(`/tenants/${tenant}/retention`)
    const ended = await follow(operation.id, () => {})
    if (ended.state === 'failed') throw new Error(ended.problem?.detail ?? 'It failed.')
    rule.reload()
    quota.reload()
  }
  const q = quota.value, r = rule.value
  return (
    <section aria-label="What is kept">
      <h2>What is kept</h2>
      <Failure text={quota.error ?? rule.error} />
      {q && <p>{size(q.bytes)}{of(q.max_bytes === null ? null : size(q.max_bytes))} in {q.versions}{of(q.max_versions === null ? null : String(q.max_versions))} versions.{q.max_bytes !== null && <> <meter min={0} max={q.max_bytes} high={q.max_bytes * 0.9} value={q.bytes} aria-label="Used" /></>}</p>}
      {r && !may && <p class="muted">{r.keep === null && r.days === null ? 'All pre-releases stay.' : `Of pre-releases stay ${[r.keep !== null && `the newest ${r.keep} of each package`, r.days !== null && `those younger than ${r.days} days`].filter(Boolean).join(' and ')}.`}</p>}
      {r && may && (
        <details>
          <summary>Pre-releases that stay{r.keep === null && r.days === null ? ': all' : ''}</summary>
          <div class="narrow"><Rule key={`${tenant}-${saved}`} tenant={tenant} rule={r} onSaved={(now) => { rule.set(now); setSaved(saved + 1) }} /></div>
          {r.due.length > 0 && (
            <>
              <p>{r.due.length} would go with the next daily run:</p>
              <ul class="plainlist" aria-label="Due">{r.due.slice(0, 50).map((d) => <li key={`${d.package}@${d.version}`}><Link to={`/ui/packages/${d.package}`}>{d.package}</Link> {d.version} <span class="muted">{size(d.bytes)}, <Ago at={d.published_at} /></span></li>)}</ul>
              <Act action={run} label="Remove what is due" sure={`Removes ${r.due.length} versions; their numbers stay taken.`}>Remove now</Act>
            </>
          )}
        </details>
      )}
    </section>
  )
}
