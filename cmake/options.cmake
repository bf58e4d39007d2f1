# redhouse_options: what every target of ours is compiled with.
add_library(redhouse_options INTERFACE)
target_include_directories(redhouse_options INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
target_compile_definitions(redhouse_options INTERFACE _GNU_SOURCE _FILE_OFFSET_BITS=64
  REDHOUSE_VERSION="${PROJECT_VERSION}")
target_compile_options(redhouse_options INTERFACE
  -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings
  -Wformat=2 -Wvla -Wundef -Wimplicit-fallthrough -Wnull-dereference -Wdouble-promotion
  -Wno-unused-parameter -fvisibility=hidden -fno-omit-frame-pointer -pthread)
target_link_options(redhouse_options INTERFACE -pthread)

if(REDHOUSE_SANITIZE)
  target_compile_options(redhouse_options INTERFACE -fsanitize=${REDHOUSE_SANITIZE} -fno-sanitize-recover=all
    -Wno-null-dereference $<$<C_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(redhouse_options INTERFACE -fsanitize=${REDHOUSE_SANITIZE})
endif()

if(REDHOUSE_FUZZ)
  target_compile_options(redhouse_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

if(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  target_compile_options(redhouse_options INTERFACE -fstack-protector-strong -fPIE
    -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -Wno-null-dereference)
  target_link_options(redhouse_options INTERFACE -pie -Wl,-z,relro,-z,now)
endif()

find_package(PkgConfig REQUIRED)
find_package(OpenSSL REQUIRED)
# One imported target for each library, so that a folder's list says what it stands on.
pkg_check_modules(H2O REQUIRED IMPORTED_TARGET libh2o-evloop)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(YAJL REQUIRED IMPORTED_TARGET yajl)
pkg_check_modules(ARCHIVE REQUIRED IMPORTED_TARGET libarchive)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(CRYPT REQUIRED IMPORTED_TARGET libxcrypt)
pkg_check_modules(ARGON2 REQUIRED IMPORTED_TARGET libargon2)
pkg_check_modules(OATH REQUIRED IMPORTED_TARGET liboath)
pkg_check_modules(CJOSE REQUIRED IMPORTED_TARGET cjose)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(GIT2 REQUIRED IMPORTED_TARGET libgit2)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)
