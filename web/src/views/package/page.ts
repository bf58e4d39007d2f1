// What the parts of a package's page share.
import type { PackageDetail } from '../../api'

export interface PagePart {
  p: PackageDetail
  may: (scope: string) => boolean // in the package's tenant
  reload: () => void
}

export const path = (p: Pick<PackageDetail, 'name'>) => `/packages/${p.name}`

// The address of a file of a version, as the API serves it.
export const fileAddress = (p: PackageDetail, version: string, name: string) =>
  `/api/v1${path(p)}/versions/${encodeURIComponent(version)}/files/${name.split('/').map(encodeURIComponent).join('/')}`

// The address of a file or folder (ends in a slash) in the part that shows files.
export const fileView = (p: PackageDetail, version: string, name: string) =>
  `/ui/packages/${p.name}?${new URLSearchParams({ tab: 'files', ...(version !== p.latest && { version }), ...(name && { path: name }) }).toString()}`
