foreach(name semver pkgname nodetypes jsonscan manifest document uplink_body publish change)
  unit(registry/${name} registry)
endforeach()
