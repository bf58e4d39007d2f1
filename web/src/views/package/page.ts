// What the parts of a package's page are given.
import type { PackageDetail } from '../../api'

export interface PagePart {
  p: PackageDetail
  may: (scope: string) => boolean // in the package's tenant
  reload: () => void
}
