// Chromium for a test.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { root, until } from './redhouse.mjs'

const { chromium } = createRequire(join(root, 'tests', 'package.json'))('playwright-core')
const shots = join(root, 'build', 'shots')

export async function launch(args = []) {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', ...args],
  })
}

// For launch: the names of this domain lead to this machine. *.localhost does by itself.
export function mapped(domain) {
  return domain === 'localhost' ? [] : [`--host-resolver-rules=MAP *.${domain} 127.0.0.1, MAP ${domain} 127.0.0.1`]
}

export async function shot(page, name) {
  mkdirSync(shots, { recursive: true })
  await page.screenshot({ path: join(shots, `${name}.png`) })
}

// Nothing is wider than a narrow window; what is seen is kept as pictures.
export async function fits(page, name) {
  await page.waitForFunction(() => !document.querySelector('.skeleton'))
  await shot(page, name)
  for (const scheme of ['dark', 'light']) {
    await page.emulateMedia({ colorScheme: scheme })
    await page.setViewportSize({ width: 400, height: 800 })
    const [has, may] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth])
    assert.ok(has <= may, `${name}: ${has} > ${may}`)
    await shot(page, `${name}-400-${scheme}`)
  }
  await page.setViewportSize({ width: 1280, height: 800 })
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

// WCAG's contrast of two computed colours: "rgb(…)" of 255, or "color(srgb …)" of 1.
export function contrast(a, b) {
  const light = (text) => {
    const whole = text.startsWith('color(') ? 1 : 255
    const [red, green, blue] = text.replace('color(srgb', '').match(/[\d.]+/g).slice(0, 3).map((v) => v / whole).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }
  const [high, low] = [light(a), light(b)].sort((x, y) => y - x)
  return (high + 0.05) / (low + 0.05)
}

// Waits until the editor has its connection back. It tries again by itself, later and later, and has a link for who will not wait.
export function reconnected(page) {
  return until('the editor is connected again', async () => {
    const now = page.locator('.red-ui-notification a', { hasText: 'Try now' })
    // The note may go, and come again with another count, while it is pressed.
    if (await now.isVisible()) await now.click({ timeout: 2000 }).catch(() => {})
    return !await page.locator('.red-ui-notification', { hasText: /lost connection/i }).isVisible()
  })
}
