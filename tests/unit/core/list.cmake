foreach(name err pool text buf clock log json_read json_write codec digest file name option blob
    password)
  unit(core/${name} core)
endforeach()
unit(core/seal core OpenSSL::Crypto)
unit(core/bundle core PkgConfig::ZLIB)
unit(core/bundle_zip core PkgConfig::ARCHIVE)
