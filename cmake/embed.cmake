# embed(TARGET SYMBOL BASE FILE...): bakes files into TARGET as `const struct embedded SYMBOL[]`
# (core/embedded.h), named relative to BASE, in the order given, ended by a row with a NULL name.
add_executable(redhouse_embed ${CMAKE_SOURCE_DIR}/cmake/embed.c)
set_target_properties(redhouse_embed PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tools)

function(embed target symbol base)
  set(out ${CMAKE_BINARY_DIR}/generated/embedded/${symbol}.c)
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/generated/embedded
    COMMAND redhouse_embed ${symbol} ${base} ${out} ${ARGN}
    DEPENDS redhouse_embed ${ARGN}
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
    COMMENT "embed ${symbol}" VERBATIM)
  target_sources(${target} PRIVATE ${out})
endfunction()
