// Every view has an address below /ui/ and can be reached by it.
import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'

const changed = new Set<() => void>()

export function go(path: string, replace = false) {
  history[replace ? 'replaceState' : 'pushState'](null, '', path)
  for (const fn of changed) fn()
  window.scrollTo(0, 0)
}

export function useLocation(): URL {
  const [at, set] = useState(location.href)
  useEffect(() => {
    const fn = () => set(location.href)
    changed.add(fn)
    addEventListener('popstate', fn)
    return () => {
      changed.delete(fn)
      removeEventListener('popstate', fn)
    }
  }, [])
  return new URL(at)
}

export function Link({ to, class: name, children, current }: { to: string; class?: string; children: ComponentChildren; current?: boolean }) {
  return (
    <a
      href={to}
      class={name}
      aria-current={current ? 'page' : undefined}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return
        event.preventDefault()
        go(to)
      }}
    >
      {children}
    </a>
  )
}
