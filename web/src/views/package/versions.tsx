import { Ago, Failure } from '../../parts'
import type { PagePart } from './page'

export function Versions({ p }: PagePart) {
  const tagsOf = (version: string) => Object.entries(p.tags).filter(([, v]) => v === version).map(([tag]) => tag)
  return (
    <ul class="rows">
      {p.versions.map((v) => (
        <li key={v.version} class="card row">
          <div class="grow">
            <strong>{v.version}</strong> {tagsOf(v.version).map((t) => <span key={t} class="state">{t}</span>)}
            <div class="muted">{v.publisher} · <Ago at={v.published_at} /></div>
            {v.deprecated && <Failure text={v.deprecated} />}
          </div>
        </li>
      ))}
    </ul>
  )
}
