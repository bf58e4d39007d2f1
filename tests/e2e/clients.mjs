// Package managers of several ages, fetched once from npm into build/clients and run by Node.js 24.
import { execFile, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { root, until } from './redhouse.mjs'

const exec = promisify(execFile)
const own = join(root, 'build', 'node', 'node_modules', `node-linux-${process.arch}`, 'bin', 'node')
export const node = existsSync(own) ? own : process.execPath

// What npm's platform packages call this machine.
const platform = `linux-${process.arch === 'arm64' ? 'aarch64' : process.arch}`

// name -> package, script or program inside it
const kinds = {
  npm10: ['npm@10', 'npm/bin/npm-cli.js'],
  npm11: ['npm@11', 'npm/bin/npm-cli.js'],
  npm12: ['npm@12', 'npm/bin/npm-cli.js'],
  pnpm10: ['pnpm@10', 'pnpm/bin/pnpm.cjs'],
  pnpm11: ['pnpm@11', 'pnpm/bin/pnpm.mjs'],
  pnpm12: ['pnpm@12', `@pnpm/exe.linux-${process.arch}/pnpm`],
  yarn1: ['yarn@1', 'yarn/bin/yarn.js'],
  berry: ['@yarnpkg/cli-dist@4', '@yarnpkg/cli-dist/bin/yarn.js'],
  bun: [`@oven/bun-${platform}@1`, `@oven/bun-${platform}/bin/bun`],
}

export async function client(name) {
  const [pkg, script] = kinds[name]
  const dir = join(root, 'build', 'clients', name)
  const path = join(dir, 'node_modules', script)
  if (!existsSync(path)) {
    mkdirSync(dir, { recursive: true })
    writeFileSync(join(dir, 'package.json'), '{"private":true}\n')
    await exec('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-save', pkg], { cwd: dir, timeout: 180000 })
  }
  return path
}

// A person's machine: a home with npm's configuration and folders to work in.
export class Machine {
  constructor(server, kind, path, token) {
    this.server = server
    this.kind = kind
    this.path = path
    this.home = mkdtempSync(join(server.data, `${kind}-`))
    this.registry = `${server.url}/npm/`
    this.token(token)
    // Nothing of the caller's npm may shine through: it sets npm_config_* for its scripts.
    const env = Object.fromEntries(Object.entries(process.env).filter(([k]) => !/^npm_/i.test(k)))
    // What is published for a test is young, and each client has its own word against that.
    this.env = { ...env, HOME: this.home, pnpm_config_minimum_release_age: '0', PNPM_CONFIG_MINIMUM_RELEASE_AGE: '0', npm_config_userconfig: join(this.home, '.npmrc'), npm_config_cache: join(this.home, 'cache'),
      YARN_IGNORE_PATH: '1', YARN_ENABLE_TELEMETRY: '0', YARN_ENABLE_IMMUTABLE_INSTALLS: 'false', NO_UPDATE_NOTIFIER: '1', CI: 'true' }
  }

  token(token) {
    const address = this.registry.replace('http:', '')
    writeFileSync(join(this.home, '.npmrc'), `registry=${this.registry}\n${token ? `${address}:_authToken=${token}\n${this.kind === 'yarn1' ? 'always-auth=true\n' : ''}` : ''}` +
      'update-notifier=false\nfund=false\nloglevel=notice\nfetch-retries=0\n')
    writeFileSync(join(this.home, '.yarnrc'), `registry "${this.registry}"\n`)
    writeFileSync(join(this.home, '.yarnrc.yml'), `npmMinimalAgeGate: 0\nnpmRegistryServer: "${this.registry}"\nunsafeHttpWhitelist: ["${this.server.domain}"]\n` +
      `enableGlobalCache: false\nnodeLinker: node-modules\nnpmAlwaysAuth: true\n${token ? `npmAuthToken: "${token}"\n` : ''}`)
  }

  // A folder with these files.
  folder(name, files) {
    const dir = join(this.home, name)
    mkdirSync(dir, { recursive: true })
    for (const [file, text] of Object.entries(files)) writeFileSync(join(dir, file), typeof text === 'string' ? text : JSON.stringify(text, null, 2))
    return dir
  }

  package(name, version, more = {}) {
    return this.folder(`src-${name.replace(/\W/g, '-')}-${version}`, {
      'package.json': { name, version, description: `${name} for tests`, license: 'MIT', keywords: ['node-red', 'testing'], main: 'index.js', ...more },
      'index.js': `module.exports = ${JSON.stringify(version)}\n`,
      'README.md': `# ${name}\n`,
    })
  }

  project(name = 'project') {
    return this.folder(name, { 'package.json': { name, version: '1.0.0', private: true }, ...this.kind === 'berry' && { 'yarn.lock': '' } })
  }

  // A client is a script for Node.js or a program of its own.
  command(args) {
    return /\.[cm]?js$/.test(this.path) ? [node, [this.path, ...args]] : [this.path, args]
  }

  async run(cwd, ...args) {
    const { stdout, stderr } = await this.exec(cwd, args)
    return stdout + stderr
  }

  async json(cwd, ...args) {
    return JSON.parse((await this.exec(cwd, [...args, '--json'])).stdout)
  }

  async exec(cwd, args) {
    try {
      return await exec(...this.command(args), { cwd, env: this.env, timeout: 120000, maxBuffer: 64 << 20 })
    } catch (error) {
      throw new Error(`${this.kind} ${args.join(' ')}: ${error.code ?? error.signal}\n${error.stdout}\n${error.stderr}`)
    }
  }

  // Expects failure; what was said.
  async fails(cwd, ...args) {
    try {
      await this.run(cwd, ...args)
    } catch (error) {
      return error.message
    }
    throw new Error(`${this.kind} ${args.join(' ')} should have failed`)
  }

  // Started, not awaited: its output grows in .text.
  start(cwd, ...args) {
    const child = spawn(...this.command(args), { cwd, env: this.env, stdio: ['pipe', 'pipe', 'pipe'] })
    child.text = ''
    for (const s of [child.stdout, child.stderr]) s.on('data', (chunk) => (child.text += chunk))
    child.ended = new Promise((done) => child.once('close', (code) => done(code)))
    return child
  }

  // Started at a terminal of its own, where it asks as it asks a person.
  terminal(cwd, ...args) {
    const command = [node, this.path, ...args].map((word) => `'${word}'`).join(' ')
    const child = spawn('script', ['-qefc', command, '/dev/null'], { cwd, env: { ...this.env, CI: '', BROWSER: 'true', TERM: 'dumb' }, stdio: ['pipe', 'pipe', 'pipe'] })
    child.text = ''
    for (const s of [child.stdout, child.stderr]) s.on('data', (chunk) => (child.text += chunk))
    child.ended = new Promise((done) => child.once('close', (code) => done(code)))
    let seen = 0
    // Waits until it says this, after what was answered last; then types the answer, if there is one.
    child.asks = async (what, answer) => {
      const found = await until(`${args[0]} says ${what}`, () => child.text.slice(seen).match(what), 30000)
      seen = child.text.length
      if (answer !== undefined) child.stdin.write(`${answer}\r`)
      return found
    }
    return child
  }
}
