import { useEffect, useState } from 'preact/hooks'
import { ApiError, post, type Session } from '../api'
import { Field, Form } from '../parts'
import { go } from '../router'

// Where a person goes after login: an instance's address by way of a ticket, else a view of ours.
export function destination(to: string | null): { outside: boolean; path: string } {
  if (to && /^https?:\/\//.test(to)) return { outside: true, path: `/.redhouse/ticket?to=${encodeURIComponent(to)}` }
  return { outside: false, path: to && to.startsWith('/') && !to.startsWith('//') && !to.startsWith('/\\') ? to : '/ui/' }
}

function leave(to: string | null) {
  const { outside, path } = destination(to)
  if (outside) location.assign(path)
  else go(path === '/' ? '/ui/' : path, true)
}

export function Login({ to, session, onDone }: { to: string | null; session: Session | null; onDone: (session: Session) => void }) {
  const [username, setUsername] = useState('')
  const [password, setPassword] = useState('')
  const [code, setCode] = useState('')
  const [second, setSecond] = useState(false)

  // The server asks for a code once the password was right.
  async function login() {
    try {
      onDone(await post<Session>('/session', { username, password, ...(second ? { code } : {}) }))
    } catch (error) {
      if (!(error instanceof ApiError) || error.problem.code !== 'otp_required') throw error
      setSecond(true)
    }
  }
  useEffect(() => {
    document.title = 'Log in · Redhouse'
    if (session && !session.user.must_change_password) leave(to)
  }, [session])
  return (
    <main class="center">
      <div class="card login">
        <img src="/assets/icon.svg" alt="" width="40" height="40" />
        <h1>Log in</h1>
        {second ? (
          <Form key="code" submit="Go on" action={login}>
            <p class="muted">Show a one-time password of your authenticator app, or one of your recovery codes.</p>
            <Field label="Code" name="code" value={code} onInput={setCode} required autofocus autocomplete="one-time-code" />
            <button type="button" class="plain" onClick={() => { setSecond(false); setCode(''); setPassword('') }}>Somebody else</button>
          </Form>
        ) : (
          <Form key="password" submit="Log in" action={login}>
            <Field label="User name" name="username" value={username} onInput={setUsername} required autofocus autocomplete="username" />
            <Field label="Password" name="password" type="password" value={password} onInput={setPassword} required autocomplete="current-password" />
          </Form>
        )}
      </div>
    </main>
  )
}

export function ChangePassword({ onDone }: { onDone: () => void }) {
  const [old, setOld] = useState('')
  const [fresh, setFresh] = useState('')
  const [again, setAgain] = useState('')
  return (
    <main class="center">
      <div class="card login">
        <h1>Choose a new password</h1>
        <p class="muted">The one you were given works only for this.</p>
        <Form
          submit="Change password"
          action={async () => {
            if (fresh !== again) throw new Error('The two new passwords differ.')
            await post('/session/password', { old, new: fresh })
            onDone()
          }}
        >
          <Field label="Password you were given" name="old" type="password" value={old} onInput={setOld} required autofocus autocomplete="current-password" />
          <Field label="New password" name="new" type="password" value={fresh} onInput={setFresh} required autocomplete="new-password" hint="At least 8 characters." />
          <Field label="New password again" name="again" type="password" value={again} onInput={setAgain} required autocomplete="new-password" />
        </Form>
      </div>
    </main>
  )
}
