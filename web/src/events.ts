// Server-sent events, shared by all views. The browser reconnects by itself and names the last id it saw.
import { useEffect } from 'preact/hooks'

type Listener = (data: unknown) => void
const listeners = new Map<string, Set<Listener>>()
let source: EventSource | null = null

function open() {
  source = new EventSource('/api/v1/events')
  for (const kind of ['instance', 'operation', 'build', 'package', 'reset'])
    source.addEventListener(kind, (event) => {
      const data: unknown = JSON.parse((event as MessageEvent<string>).data)
      for (const fn of listeners.get(kind) ?? []) fn(data)
    })
}

export function closeEvents() {
  source?.close()
  source = null
}

// Calls fn for each event of the kind, and onReset when lists must be read again.
export function useEvents<T>(kind: string, fn: (data: T) => void, onReset?: () => void) {
  useEffect(() => {
    const pairs: [string, Listener][] = [[kind, fn as Listener]]
    if (onReset) pairs.push(['reset', onReset])
    for (const [name, listener] of pairs) {
      if (!listeners.has(name)) listeners.set(name, new Set())
      listeners.get(name)!.add(listener)
    }
    if (!source) open()
    return () => {
      for (const [name, listener] of pairs) listeners.get(name)!.delete(listener)
    }
  })
}
