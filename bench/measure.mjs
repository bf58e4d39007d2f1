// What all benches share: processor time, wrk, rounds, medians, and the rows that are printed and kept.
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'

const exec = promisify(execFile)

/** Nanoseconds of processor time that the threads of these processes had so far. */
export function cpuTime(pids) {
  let total = 0n
  for (const pid of pids)
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      try {
        total += BigInt(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0])
      } catch {} // a thread that ended meanwhile
    }
  return total
}

/** Proportional set size of a process in bytes. */
export function pss(pid) {
  return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))[1]) * 1024
}

export function children(pid) {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)
}

/** One run of wrk against url; answers requests, per second, and per second of the servers' processor time; p99 in ms.
 * An answer other than 2xx or 3xx is an error: a bench of refusals proves nothing. prompt: wrk itself never waits for the
 * processor, so that the latency is the server's. */
export async function wrk(pids, url, { seconds, headers = {}, connections = 32, script, prompt = false }) {
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency']
  for (const [name, value] of Object.entries(headers)) args.push('-H', `${name}: ${value}`)
  if (script) args.push('-s', script)
  const before = cpuTime(pids)
  const [command, first] = prompt ? ['chrt', ['-r', '1', 'wrk']] : ['wrk', []]
  const { stdout } = await exec(command, [...first, ...args, url], { timeout: (seconds + 30) * 1000 })
  const cpu = Number(cpuTime(pids) - before) / 1e9
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`${url}: ${stdout}`)
  const requests = Number(/(\d+) requests in/.exec(stdout)[1])
  const [, value, unit] = /99%\s+([\d.]+)(us|ms|s)/.exec(stdout)
  if (!requests) throw new Error(`${url}: nothing was answered`)
  return {
    requests,
    rate: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)[1]),
    perCpu: requests / cpu,
    p99: Number(value) * { us: 0.001, ms: 1, s: 1000 }[unit],
  }
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted.length % 2 ? sorted[(sorted.length - 1) / 2] : (sorted[sorted.length / 2 - 1] + sorted[sorted.length / 2]) / 2
}

/** Runs every measure once a round, in turn, so that a machine that slows down slows all of them:
 * {name: async () => number} to {name: [number of each round]}. */
export async function interleave(measures, rounds) {
  const found = Object.fromEntries(Object.keys(measures).map((name) => [name, []]))
  for (let round = 0; round < rounds; round++)
    for (const [name, measure] of Object.entries(measures)) found[name].push(await measure())
  return found
}

const format = (value) => (value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toPrecision(3))

/** The table of one bench: what was measured, with its median and its spread, and each figure beside its budget. */
export class Table {
  constructor(title, about) {
    Object.assign(this, { title, about, rows: [], figures: [] })
  }

  /** values: one a round. */
  row(what, unit, values) {
    this.rows.push([what, unit, format(median(values)), `${format(Math.min(...values))} to ${format(Math.max(...values))}`])
    console.log(`  ${what}: ${this.rows.at(-1)[2]} ${unit} (${this.rows.at(-1)[3]})`)
    return median(values)
  }

  /** A ratio or an amount with its budget; bound is 'least' or 'most'. */
  figure(what, value, bound, budget, unit = '') {
    const met = bound === 'least' ? value >= budget : value <= budget
    this.figures.push([what, `${format(value)}${unit}`, `at ${bound} ${budget}${unit}`, met ? 'yes' : '**no**'])
    console.log(`  ${met ? 'met    ' : 'NOT MET'} ${what}: ${format(value)}${unit} (at ${bound} ${budget}${unit})`)
  }

  markdown() {
    const table = (head, rows) => [`| ${head.join(' | ')} |`, `|${' --- |'.repeat(head.length)}`, ...rows.map((r) => `| ${r.join(' | ')} |`)]
    return [
      `## ${this.title}`, '', this.about, '',
      ...table(['figure', 'measured', 'budget', 'met'], this.figures), '',
      ...table(['measured', 'unit', 'median', 'spread'], this.rows), '',
    ].join('\n')
  }
}
