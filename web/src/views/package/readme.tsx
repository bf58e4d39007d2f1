import DOMPurify from 'dompurify'
import { marked } from 'marked'
import { useMemo } from 'preact/hooks'
import type { PackageDetail } from '../../api'
import { go } from '../../router'
import { fileAddress, fileView, type PagePart } from './page'

const isAbsolute = (address: string) => /^[a-z][a-z0-9+.-]*:|^\/\//i.test(address)

// The file of the package that a relative address means; null if it means none, or leads out of it by a slash in disguise (%2f).
function fileOf(address: string): string | null {
  try {
    const file = decodeURIComponent(new URL(address, 'https://package.invalid/').pathname.slice(1))
    return file === '' || /(^|\/)\.\.?(\/|$)/.test(file) ? null : file
  } catch {
    return null
  }
}

const slug = (text: string) => text.trim().toLowerCase().replace(/[^\p{L}\p{N}\s-]/gu, '').replace(/\s/g, '-')

// A README is a stranger's text: sanitised, and no address but https, mailto and the package's own files. Pictures from elsewhere would
// tell their host who reads; they are shown as the words that stand for them.
function clean(p: PackageDetail, text: string): string {
  const body = DOMPurify.sanitize(marked.parse(text, { async: false }), {
    RETURN_DOM: true, FORBID_TAGS: ['style', 'form', 'input', 'button', 'iframe', 'svg', 'math', 'video', 'audio', 'picture', 'source'],
    FORBID_ATTR: ['style', 'id', 'name', 'srcset', 'class', 'target', 'background'],
    ALLOWED_URI_REGEXP: /^(?:https?:|mailto:|#|(?![a-z][a-z0-9+.-]*:|\/\/))/i,
  }) as HTMLElement
  for (const image of body.querySelectorAll('img')) {
    const address = image.getAttribute('src') ?? ''
    const file = isAbsolute(address) || address === '' ? null : fileOf(address)
    if (file) {
      image.src = fileAddress(p, p.latest, file)
      image.loading = 'lazy'
    } else image.replaceWith(image.alt)
  }
  for (const link of body.querySelectorAll('a[href]')) {
    const address = link.getAttribute('href')!
    if (address.startsWith('#')) continue
    const file = isAbsolute(address) ? null : fileOf(address)
    if (file) link.setAttribute('href', fileView(p, p.latest, file))
    else if (isAbsolute(address)) link.setAttribute('rel', 'noopener noreferrer nofollow')
    else link.removeAttribute('href')
  }
  for (const link of body.querySelectorAll('a:not([href])')) {
    const words = document.createElement('span')
    words.append(...link.childNodes)
    link.replaceWith(words)
  }
  return body.innerHTML
}

function follow(event: MouseEvent) {
  const link = (event.target as Element).closest('a[href]')
  const address = link?.getAttribute('href') ?? ''
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey || !(address.startsWith('#') || address.startsWith('/ui/'))) return
  event.preventDefault()
  if (address.startsWith('/ui/')) return go(address)
  const want = decodeURIComponent(address.slice(1)).toLowerCase()
  for (const heading of link.closest('.readme')!.querySelectorAll('h1, h2, h3, h4, h5, h6'))
    if (slug(heading.textContent ?? '') === want) return heading.scrollIntoView()
}

export function Overview({ p }: PagePart) {
  const html = useMemo(() => clean(p, p.readme ?? ''), [p.readme, p.latest])
  return p.readme ? <article class="readme card" onClick={follow} dangerouslySetInnerHTML={{ __html: html }} /> : <p class="muted">This package has no README.</p>
}
