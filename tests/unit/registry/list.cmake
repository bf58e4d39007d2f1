foreach(name semver pkgname nodetypes jsonscan)
  unit(registry/${name} registry)
endforeach()
