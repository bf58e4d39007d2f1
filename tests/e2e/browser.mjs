// Chromium for a test.
import { createRequire } from 'node:module'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './redhouse.mjs'

const { chromium } = createRequire(join(root, 'tests', 'package.json'))('playwright-core')
const shots = join(root, 'build', 'shots')

export async function launch(args = []) {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', ...args],
  })
}

export async function shot(page, name) {
  mkdirSync(shots, { recursive: true })
  await page.screenshot({ path: join(shots, `${name}.png`) })
}

// Logs in at the portal by its form.
export async function login(page, url, username, password) {
  await page.goto(`${url}/login`)
  await page.locator('input[name=username]').fill(username)
  await page.locator('input[name=password]').fill(password)
  await page.locator('button[type=submit]').click()
  await page.waitForURL((at) => !at.pathname.startsWith('/login'))
}

// Waits until the editor stands with its palette.
export async function editor(page, address) {
  await page.goto(address)
  await page.waitForSelector('.red-ui-palette-node[data-palette-type=inject]', { timeout: 60000 })
  await page.waitForFunction(() => window.RED?.nodes?.registry?.getNodeList().length > 10)
}
