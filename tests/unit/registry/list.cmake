foreach(name semver pkgname nodetypes jsonscan manifest document uplink_body)
  unit(registry/${name} registry)
endforeach()
