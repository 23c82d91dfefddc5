# The command: src/cli only, over the public headers.
rapt_glob(RAPT_CLI_SOURCES cli)
if(RAPT_CLI_SOURCES)
  add_executable(rapt_command ${RAPT_CLI_SOURCES})
  set_target_properties(rapt_command PROPERTIES OUTPUT_NAME rapt)
  target_link_libraries(rapt_command PRIVATE rapt rapt_flags)
endif()
