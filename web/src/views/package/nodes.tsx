// The nodes as the palette shows them, and what else the package brings to Node-RED.
import { get, type Contents, type PackageDetail } from '../../api'
import { Empty, Failure, Skeleton, useLoad } from '../../parts'
import { Link } from '../../router'
import { fileAddress, fileView, path, type PagePart } from './page'

function Look({ p, contents, node }: { p: PackageDetail; contents: Contents; node: Contents['nodes'][number] }) {
  const icon = contents.icons.find((name) => node.icon && (name === `icons/${node.icon}` || name.endsWith(`/icons/${node.icon}`)))
  return (
    <span class={`palette-node${node.right ? ' palette-right' : ''}`} style={{ background: node.color ?? '#ddd' }}>
      <span class="palette-icon">{icon && <img src={fileAddress(p, p.latest, icon)} alt="" width="20" height="20" loading="lazy" />}</span>
      <span class="palette-label">{node.label}</span>
      {node.input && <span class="palette-port palette-in" />}
      {node.output && <span class="palette-port palette-out" />}
    </span>
  )
}

export function Nodes({ p }: PagePart) {
  const load = useLoad(() => get<Contents>(`${path(p)}/versions/${p.latest}/contents`), [p.name, p.latest])
  const c = load.value
  if (!c) return load.error ? <Failure text={load.error} /> : <Skeleton rows={4} />
  const kept = [...new Set(c.nodes.map((n) => n.category ?? ''))]
  const bare = p.types.filter((type) => !c.nodes.some((n) => n.type === type))
  const themes = c.plugins.filter((plugin) => plugin.type === 'node-red-theme'), others = c.plugins.filter((plugin) => plugin.type !== 'node-red-theme')
  if (c.nodes.length + bare.length + c.plugins.length + c.examples.length === 0) return <Empty title="This package brings nothing to Node-RED" />
  return (
    <>
      {p.clashes.map((clash) => <Failure key={`${clash.type} ${clash.package}`} text={`The node type "${clash.type}" is registered by ${clash.package} too: Node-RED loads only the package that was there first.`} />)}
      {kept.map((category) => (
        <section key={category} class="card palette" aria-label={category || 'Not in the palette'}>
          <h2>{category === 'config' ? 'Configuration' : category || 'Without a category'}</h2>
          <ul class="plainlist">
            {c.nodes.filter((n) => (n.category ?? '') === category).map((n) => (
              <li key={n.type} class="row"><Look p={p} contents={c} node={n} /><code>{n.type}</code></li>
            ))}
          </ul>
        </section>
      ))}
      {bare.length > 0 && <p>Registered without a look in the editor: {bare.map((type) => <span key={type}><code>{type}</code> </span>)}</p>}
      {themes.length > 0 && <section class="card"><h2>Themes</h2><p>{themes.map((t) => <span key={t.id}><code>{t.id}</code> </span>)}</p></section>}
      {others.length > 0 && <section class="card"><h2>Plugins</h2><p>{others.map((t) => <span key={t.id}><code>{t.id}{t.type ? ` (${t.type})` : ''}</code> </span>)}</p></section>}
      {c.examples.length > 0 && (
        <section class="card">
          <h2>Examples</h2>
          <ul class="plainlist">{c.examples.map((name) => <li key={name}><Link to={fileView(p, p.latest, `examples/${name}.json`)}>{name}</Link></li>)}</ul>
        </section>
      )}
    </>
  )
}
