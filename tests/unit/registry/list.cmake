foreach(name semver pkgname commands nodetypes jsonscan manifest document uplink_body publish change search signature hook source_address)
  unit(registry/${name} registry)
endforeach()
unit(registry/look registry)
