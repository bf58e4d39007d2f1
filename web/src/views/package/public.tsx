// A public package has no page here: it has one where it comes from. What is ours about it is who uses it.
import { get, type PackageUser } from '../../api'
import { Copy, Missing, Skeleton, useLoad } from '../../parts'
import { Usage } from './usage'

export function PublicPackage({ name, missing }: { name: string; missing: string }) {
  const known = useLoad(() => get<{ items: PackageUser[] }>(`/packages/${name}/users`), [name])
  if (known.error) return <Missing text={missing} />
  if (!known.value) return <Skeleton rows={6} />
  return (
    <>
      <div class="title"><h1>{name}</h1><span class="muted">a public package</span></div>
      <p><Copy text={`npm install ${name}`} /></p>
      <Usage p={{ name, latest: '' }} />
    </>
  )
}
