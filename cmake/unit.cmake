# unit(NAME LIB...): one cmocka program of tests/unit/NAME_test.c (NAME mirrors the tree: core/json),
# linked to the named folders only, so that a call across areas does not even link.
pkg_check_modules(CMOCKA IMPORTED_TARGET cmocka)

function(unit name)
  string(REPLACE "/" "_" target unit_${name})
  add_executable(${target} ${CMAKE_SOURCE_DIR}/tests/unit/${name}_test.c)
  target_link_libraries(${target} PRIVATE redhouse_options PkgConfig::CMOCKA ${ARGN})
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/unit)
  add_test(NAME unit/${name} COMMAND ${target} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(unit/${name} PROPERTIES LABELS unit TIMEOUT 120)
endfunction()
