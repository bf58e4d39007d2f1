foreach(name h1parse origin relay identity frames)
  unit(http/${name} http)
endforeach()
foreach(name hosts route head negotiate peers network)
  unit(http/${name} http core)
endforeach()

unit(http/factor http core PkgConfig::OATH)
unit(http/owncert http core OpenSSL::Crypto)

foreach(name account session login_limit account_threads warm limits)
  unit(http/${name} http core)
endforeach()
set_tests_properties(unit/http/account_threads unit/http/warm PROPERTIES LABELS "unit;threads")
