// The CI systems whose ID tokens the platform believes.
import { useState } from 'preact/hooks'
import { all, api, post } from '../api'
import { Act, Ago, Choice, Empty, Failure, Field, Form, Skeleton, useLoad } from '../parts'

interface Issuer { name: string; url: string; created_at: string; created_by: string; publishers: number }

const presets: Record<string, string> = { github: 'https://token.actions.githubusercontent.com', gitlab: 'https://gitlab.com' }

function NewIssuer({ onMade }: { onMade: () => void }) {
  const [kind, setKind] = useState('github')
  const [name, setName] = useState('')
  const [url, setUrl] = useState(presets['github']!)
  const choose = (next: string) => { setKind(next); setUrl(presets[next] ?? '') }
  return (
    <div class="card narrow">
      <h2>New issuer</h2>
      <Form submit="Believe it" action={async () => { await post('/trust/issuers', { name: kind === 'other' ? name : kind, url }); setName(''); onMade() }}>
        <Choice label="CI" name="kind" value={kind} onInput={choose} options={[['github', 'GitHub'], ['gitlab', 'GitLab'], ['circleci', 'CircleCI'], ['other', 'Another']]} />
        {kind === 'other' && <Field label="Name" name="name" value={name} onInput={setName} required placeholder="ci" hint="a to z, 0 to 9 and dashes" />}
        <Field label="Address" name="url" value={url} onInput={setUrl} required hint="The claim iss of its tokens, to the letter. Its keys are found by OpenID Connect Discovery."
          placeholder={kind === 'circleci' ? 'https://oidc.circleci.com/org/ORGANISATION-ID' : 'https://ci.example.org'} />
      </Form>
    </div>
  )
}

export function Issuers() {
  const list = useLoad(() => all<Issuer>('/trust/issuers'), [])
  document.title = 'Trusted CI · Redhouse'
  return (
    <>
      <h1>Trusted CI</h1>
      <p class="muted">Packages can trust jobs of these to publish them, by the ID tokens that they issue. Which job, the owners of a package say on its page.</p>
      <Failure text={list.error} />
      {!list.value && !list.error && <Skeleton />}
      {list.value?.length === 0 && <Empty title="No issuers yet" />}
      <ul class="rows">
        {list.value?.map((i) => (
          <li key={i.name} class="card row">
            <div class="grow">
              <strong>{i.name}</strong> <code>{i.url}</code>
              <div class="muted">{i.publishers === 1 ? '1 trusted publisher' : `${i.publishers} trusted publishers`} · added <Ago at={i.created_at} /> by {i.created_by}</div>
            </div>
            <Act kind="plain" label={`Remove ${i.name}`} sure={i.publishers > 0 ? `Packages trust ${i.publishers} of its jobs. They cannot publish any more.` : undefined}
              action={async () => { await api('DELETE', `/trust/issuers/${i.name}`); list.reload() }}>Remove</Act>
          </li>
        ))}
      </ul>
      {list.ready && <NewIssuer onMade={list.reload} />}
    </>
  )
}
