# Fuzzers: every tests/fuzz/fuzz_<name>.c defines LLVMFuzzerTestOneInput and becomes one program; its corpus, when it has
# one, is tests/fuzz/corpus/<name>/. Configure with the preset fuzz: libFuzzer comes with clang.
if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
  message(FATAL_ERROR "RAPT_FUZZ needs clang: cmake --preset fuzz")
endif()
# The library is instrumented for coverage but has no main of libFuzzer's.
target_compile_options(rapt_flags INTERFACE -fsanitize=fuzzer-no-link)
# Vector kernels see no input of their own, the other presets check them, and clang takes minutes to instrument their loops.
set_property(SOURCE ${RAPT_ISA_SOURCES} APPEND PROPERTY COMPILE_OPTIONS "-fno-sanitize=all")
target_link_options(rapt_flags INTERFACE -fsanitize=fuzzer-no-link)
file(GLOB fuzzers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_*.c)
foreach(fuzzer ${fuzzers})
  get_filename_component(name ${fuzzer} NAME_WE)
  add_executable(${name} ${fuzzer})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE rapt rapt_flags PkgConfig::RAPT_DEPS)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
endforeach()
