// A person's own page: profile, password, second factor, logins.
import { useState } from 'preact/hooks'
import { encode } from 'uqr'
import { all, api, get, post, type Me, type OwnSession } from '../api'
import { Act, Ago, Choice, Copy, Failure, Field, Form, Skeleton, useLoad } from '../parts'

const modes: [string, string][] = [['auth-and-writes', 'At logins, and before packages change'], ['auth-only', 'At logins, for tokens and the profile']]
const modeName = (mode: string) => modes.find(([key]) => key === mode)?.[1].toLowerCase() ?? mode

// Dark on white in any look: that is what cameras read.
function Code({ text }: { text: string }) {
  const { data, size } = encode(text, { border: 3 })
  const path = data.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : ''))).join('')
  return (
    <svg class="qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label="QR code for the authenticator app" shape-rendering="crispEdges">
      <rect width={size} height={size} fill="#fff" /><path d={path} fill="#000" />
    </svg>
  )
}

function Codes({ codes, onSeen }: { codes: string[]; onSeen: () => void }) {
  return (
    <div class="notice card" role="status">
      <h3>Recovery codes</h3>
      <p>Each stands in for a one-time password once. Keep them where the phone is not; they are not shown again.</p>
      <Copy text={codes.join('\n')} name="Copy the recovery codes" />
      <div class="actions"><button type="button" onClick={onSeen}>I have kept them</button></div>
    </div>
  )
}

function Begun({ me, onDone }: { me: Me; onDone: (codes: string[]) => void }) {
  const [code, setCode] = useState('')
  return (
    <>
      <p>Read this with your authenticator app, or type the key into it.</p>
      <Code text={me.otpauth!} />
      <Copy text={me.secret!} name="Copy the key" />
      <Form submit="Switch on" action={async () => onDone((await post<{ recovery_codes: string[] }>('/me/factor/confirmation', { code })).recovery_codes)}>
        <Field label="Code that the app shows" name="first-code" value={code} onInput={setCode} required autofocus autocomplete="one-time-code" />
      </Form>
    </>
  )
}

function SecondFactor({ me, onChange }: { me: Me; onChange: () => void }) {
  const on = me.second_factor && !me.second_factor.pending ? me.second_factor : null
  const [mode, setMode] = useState(on?.mode ?? 'auth-and-writes')
  const [password, setPassword] = useState('')
  const [begun, setBegun] = useState<Me | null>(null)
  const [codes, setCodes] = useState<string[] | null>(null)
  async function put(wanted: string) {
    const answer = await api<Me>('PUT', '/me/factor', { mode: wanted, password })
    setPassword('')
    if (answer.secret) setBegun(answer)
    else onChange()
  }
  async function renew() {
    setCodes((await post<{ recovery_codes: string[] }>('/me/factor/codes', { password })).recovery_codes)
    setPassword('')
  }
  return (
    <section class="card" aria-labelledby="factor">
      <h2 id="factor">Second factor</h2>
      {codes && <Codes codes={codes} onSeen={() => { setCodes(null); onChange() }} />}
      {begun && !codes && <Begun me={begun} onDone={(made) => { setBegun(null); setCodes(made) }} />}
      {!begun && !codes && (
        <>
          {on
            ? <p>On: asked for {modeName(on.mode)}. {on.recovery_codes_left} recovery codes are left.</p>
            : <p class="muted">A one-time password of an authenticator app beside your password.</p>}
          <Form submit={on ? 'Change when it is asked for' : 'Set up'} action={() => put(mode)}>
            <Choice label="Asked for" name="mode" value={mode} onInput={setMode} options={modes} />
            <Field label="Your password" name="factor-password" type="password" value={password} onInput={setPassword} required autocomplete="current-password" />
          </Form>
          {on && (
            <div class="bar">
              <Act disabled={!password} action={renew}>New recovery codes</Act>
              <Act disabled={!password} action={() => put('none')}>Switch off</Act>
            </div>
          )}
        </>
      )}
    </section>
  )
}

function Profile({ me, onChange }: { me: Me; onChange: () => void }) {
  const [email, setEmail] = useState(me.email ?? '')
  const [fullname, setFullname] = useState(me.fullname ?? '')
  const [homepage, setHomepage] = useState(me.homepage ?? '')
  return (
    <section class="card" aria-labelledby="profile">
      <h2 id="profile">Profile</h2>
      <Form submit="Save" action={async () => { await api('PATCH', '/me', { email, fullname, homepage }); onChange() }}>
        <Field label="E-mail" name="email" type="email" value={email} onInput={setEmail} autocomplete="email" />
        <Field label="Name for people" name="fullname" value={fullname} onInput={setFullname} autocomplete="name" />
        <Field label="Homepage" name="homepage" value={homepage} onInput={setHomepage} />
      </Form>
    </section>
  )
}

function Password() {
  const [old, setOld] = useState('')
  const [fresh, setFresh] = useState('')
  const [again, setAgain] = useState('')
  const [done, setDone] = useState(false)
  async function change() {
    setDone(false)
    if (fresh !== again) throw new Error('The two new passwords differ.')
    await post('/session/password', { old, new: fresh })
    setOld(''); setFresh(''); setAgain('')
    setDone(true)
  }
  return (
    <section class="card" aria-labelledby="password">
      <h2 id="password">Password</h2>
      <Form submit="Change password" action={change}>
        <Field label="Password so far" name="old" type="password" value={old} onInput={setOld} required autocomplete="current-password" />
        <Field label="New password" name="new" type="password" value={fresh} onInput={setFresh} required autocomplete="new-password" hint="At least 8 characters. Your other logins end." />
        <Field label="New password again" name="again" type="password" value={again} onInput={setAgain} required autocomplete="new-password" />
      </Form>
      {done && <p role="status">The password was changed.</p>}
    </section>
  )
}

function Logins({ current }: { current: string | null }) {
  const list = useLoad(() => all<OwnSession>('/me/sessions'), [])
  return (
    <section class="card" aria-labelledby="logins">
      <h2 id="logins">Logins</h2>
      <Failure text={list.error} />
      <ul class="plainlist">
        {list.value?.map((s) => (
          <li key={s.id} class="row">
            <div class="grow">{s.host} <span class="muted">since <Ago at={s.created_at} />{s.id === current ? ' · this one' : ''}</span></div>
            {s.id !== current && <Act kind="plain" label={`End the login at ${s.host}`} action={async () => { await api('DELETE', `/me/sessions/${s.id}`); list.reload() }}>End</Act>}
          </li>
        ))}
      </ul>
    </section>
  )
}

export function Account({ onChange }: { onChange: () => void }) {
  const me = useLoad(() => get<Me>('/me'), [])
  const changed = () => { me.reload(); onChange() }
  document.title = 'Account · Redhouse'
  return (
    <>
      <h1>{me.value ? `Account of ${me.value.name}` : 'Account'}</h1>
      <Failure text={me.error} />
      {!me.ready && <Skeleton />}
      {me.value && (
        <div class="account">
          <Profile me={me.value} onChange={changed} />
          <Password />
          <SecondFactor key={me.value.second_factor?.mode ?? 'none'} me={me.value} onChange={changed} />
          <Logins current={me.value.session} />
        </div>
      )}
    </>
  )
}
