// The sheets that a page wears: "theme" is the platform's, "look" a tenant's on top of it. The server puts both into the page that it
// sends; from view to view they are changed here. The old one goes when the new one is there, so that no moment is without colours.
import { useEffect } from 'preact/hooks'

const sheet = (id: string) => document.getElementById(id) as HTMLLinkElement | null

function put(id: string, href: string): Promise<void> {
  const old = sheet(id)
  if (old?.getAttribute('href') === href) return Promise.resolve()
  const link = document.createElement('link')
  link.rel = 'stylesheet'
  link.href = href
  link.id = id
  old?.removeAttribute('id')
  return new Promise((done) => {
    const end = (bad: boolean) => () => {
      old?.remove()
      if (bad) link.remove()
      done()
    }
    link.onload = end(false)
    link.onerror = end(true)
    if (old) old.after(link)
    else document.head.append(link)
  })
}

// The tenant's look; null: the platform's own. A version that is new is fetched anew.
export function wear(tenant: string | null, version?: string | null): Promise<void> {
  if (tenant === null) {
    sheet('look')?.remove()
    return Promise.resolve()
  }
  const href = `/api/v1/tenants/${encodeURIComponent(tenant)}/theme.css`
  const now = sheet('look')?.getAttribute('href')?.split('?')[0]
  if (now === href && version === undefined) return Promise.resolve()
  return put('look', version ? `${href}?v=${version}` : href)
}

export function wearPlatform(version: string | null): Promise<void> {
  return put('theme', `/api/v1/theme.css${version ? `?v=${version}` : ''}`)
}

// undefined: not known yet, what is worn stays.
export function useLook(tenant: string | null | undefined) {
  useEffect(() => { if (tenant !== undefined) void wear(tenant) }, [tenant])
}
