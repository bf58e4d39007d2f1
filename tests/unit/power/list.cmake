unit(power/power tenants themes registry http PkgConfig::H2O PkgConfig::SQLITE)
target_sources(unit_power_power PRIVATE
  power/disk.c power/platter.c power/record.c power/ledger.c
  power/site.c power/deeds.c power/readings.c power/verdict.c power/same.c power/migration.c)
target_compile_definitions(unit_power_power PRIVATE H2O_USE_LIBUV=0)
set_tests_properties(unit/power/power PROPERTIES TIMEOUT 300)
