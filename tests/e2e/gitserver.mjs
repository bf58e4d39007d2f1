// Real git behind real smart HTTP.
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'

// git http-backend as a CGI program; a path below /locked/ asks for a password.
export function gitServer(dir) {
  const server = createServer((req, res) => {
    const [path, query = ''] = req.url.split('?')
    if (path.startsWith('/silent/')) return
    if (path.startsWith('/locked/') && !(req.headers.authorization ?? '').endsWith(Buffer.from('git:open sesame').toString('base64')))
      return res.writeHead(401, { 'www-authenticate': 'Basic' }).end()
    const cgi = spawn('git', ['http-backend'], {
      env: { ...process.env, GIT_PROJECT_ROOT: dir, GIT_HTTP_EXPORT_ALL: '1', PATH_INFO: path.replace('/locked', ''), QUERY_STRING: query,
        REQUEST_METHOD: req.method, CONTENT_TYPE: req.headers['content-type'] ?? '', CONTENT_LENGTH: req.headers['content-length'] ?? '' },
    })
    req.pipe(cgi.stdin)
    const parts = []
    cgi.stdout.on('data', (chunk) => parts.push(chunk))
    cgi.on('close', () => {
      const all = Buffer.concat(parts)
      const end = all.indexOf('\r\n\r\n')
      const headers = Object.fromEntries(all.subarray(0, end).toString().split('\r\n').map((l) => l.split(/: ?(.*)/).slice(0, 2)))
      const status = parseInt(headers.Status ?? '200', 10)
      delete headers.Status
      res.writeHead(status, headers).end(all.subarray(end + 4))
    })
  })
  return new Promise((done) => server.listen(0, '127.0.0.1', () => done(server)))
}

// A bare repository DIR/NAME.git with one commit of these files under one tag.
export function repository(dir, name, tag, files) {
  const work = join(dir, `${name}-work`)
  mkdirSync(work)
  const git = (...args) => execFileSync('git', ['-c', 'user.name=Dev', '-c', 'user.email=dev@example.org', ...args], { cwd: work, stdio: 'pipe' })
  for (const [file, text] of Object.entries(files)) writeFileSync(join(work, file), text)
  git('init', '-q')
  git('add', '-A')
  git('commit', '-qm', tag)
  git('tag', '-a', tag, '-m', tag)
  git('clone', '-q', '--bare', work, join(dir, `${name}.git`))
}
