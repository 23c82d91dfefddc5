# Installation: library, headers, command, manual, completions, and what pkg-config and find_package(rapt) read.
include(CMakePackageConfigHelpers)

# What a program that links a static librapt has to link as well; the test house.install fails when one is missing.
set(RAPT_DEPS_MODULES "jansson yaml-0.1 libpcre2-8 libutf8proc sqlite3 zlib libmd")

install(TARGETS rapt EXPORT raptTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY include/rapt DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
if(TARGET rapt_command)
  install(TARGETS rapt_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

file(GLOB manual CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/packaging/man/*.1)
install(FILES ${manual} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
set(completions ${CMAKE_SOURCE_DIR}/packaging/completions)
if(EXISTS ${completions}/rapt.bash)
  install(FILES ${completions}/rapt.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME rapt)
endif()
if(EXISTS ${completions}/_rapt)
  install(FILES ${completions}/_rapt DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
endif()
if(EXISTS ${completions}/rapt.fish)
  install(FILES ${completions}/rapt.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()

# pkg-config: paths relative to the file's own place, so that the installed tree can be moved; absolute where the
# packager made them so.
set(pc_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
if(IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR})
  set(RAPT_PC_PREFIX ${CMAKE_INSTALL_PREFIX})
  set(RAPT_PC_LIBDIR ${CMAKE_INSTALL_LIBDIR})
else()
  file(RELATIVE_PATH up /prefix/${pc_dir} /prefix)
  string(REGEX REPLACE "/$" "" up ${up})
  set(RAPT_PC_PREFIX "\${pcfiledir}/${up}")
  set(RAPT_PC_LIBDIR "\${exec_prefix}/${CMAKE_INSTALL_LIBDIR}")
endif()
if(IS_ABSOLUTE ${CMAKE_INSTALL_INCLUDEDIR})
  set(RAPT_PC_INCLUDEDIR ${CMAKE_INSTALL_INCLUDEDIR})
else()
  set(RAPT_PC_INCLUDEDIR "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
string(REPLACE " " ", " RAPT_PC_REQUIRES "${RAPT_DEPS_MODULES}")
configure_file(packaging/rapt.pc.in ${CMAKE_BINARY_DIR}/generated/rapt.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/generated/rapt.pc DESTINATION ${pc_dir})

# find_package(rapt) and rapt::rapt.
if(NOT RAPT_SHARED)
  target_link_libraries(rapt INTERFACE $<INSTALL_INTERFACE:PkgConfig::RAPT_DEPS>)
endif()
set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/rapt)
configure_package_config_file(packaging/raptConfig.cmake.in ${CMAKE_BINARY_DIR}/generated/raptConfig.cmake
  INSTALL_DESTINATION ${config_dir})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/generated/raptConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/generated/raptConfig.cmake ${CMAKE_BINARY_DIR}/generated/raptConfigVersion.cmake
  DESTINATION ${config_dir})
install(EXPORT raptTargets NAMESPACE rapt:: DESTINATION ${config_dir})
