# The library: every .c below src/ except the command's own, found by the build so that a new model, op or recipe is one file.
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(RAPT_DEPS REQUIRED IMPORTED_TARGET jansson yaml-0.1 libpcre2-8 libutf8proc sqlite3 zlib libmd)
# Only their headers: src/data loads these two libraries itself when something is fetched.
pkg_check_modules(RAPT_LAZY REQUIRED libarchive libcurl>=7.85)

add_library(rapt_flags INTERFACE)
target_include_directories(rapt_flags INTERFACE ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/src)
target_compile_definitions(rapt_flags INTERFACE _GNU_SOURCE)
target_compile_options(rapt_flags INTERFACE -Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes
  -Wvla -Wno-unused-parameter -Wno-missing-field-initializers -ffp-contract=off -fno-math-errno)
if(RAPT_WERROR)
  target_compile_options(rapt_flags INTERFACE -Werror)
endif()
if(RAPT_SANITIZE)
  target_compile_options(rapt_flags INTERFACE -fsanitize=${RAPT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(rapt_flags INTERFACE -fsanitize=${RAPT_SANITIZE})
endif()
target_link_libraries(rapt_flags INTERFACE Threads::Threads m)

# rapt_glob(OUT folder…): the .c files below these folders of src/.
function(rapt_glob out)
  set(all)
  foreach(folder ${ARGN})
    file(GLOB_RECURSE found CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${folder}/*.c)
    list(APPEND all ${found})
  endforeach()
  set(${out} ${all} PARENT_SCOPE)
endfunction()

# rapt_registry(NAME TYPE folder): a file that lists one `const TYPE TYPE_<file>` for every src/<folder>/<file>.c whose text
# defines it, so that adding a model or a recipe touches no list.
function(rapt_registry out type folder)
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${folder}/*.c)
  set(externs "")
  set(items "")
  foreach(file ${files})
    get_filename_component(name ${file} NAME_WE)
    string(REPLACE "-" "_" name ${name})
    file(STRINGS ${file} hit REGEX "^const ${type} ${type}_${name} = " LIMIT_COUNT 1)
    if(hit)
      string(APPEND externs "extern const ${type} ${type}_${name};\n")
      string(APPEND items "  &${type}_${name},\n")
    endif()
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  endforeach()
  set(path ${CMAKE_BINARY_DIR}/generated/${type}s.c)
  file(CONFIGURE OUTPUT ${path} CONTENT
"/* Made by the build from the files of src/${folder}/. */
#include \"${folder}/${folder}.h\"
${externs}
const ${type} *const ${type}s[] = {
${items}  NULL,
};
" @ONLY)
  set(${out} ${path} PARENT_SCOPE)
endfunction()

# A file with the text of src/explain/formal/*.c, so that `rapt explain` can show the source line of each line of
# pseudocode wherever it is installed. The files left out hold no algorithm of the note.
function(rapt_formal_sources out)
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/explain/formal/*.c)
  list(FILTER files EXCLUDE REGEX "/(note|engine|differences)\\.c$")
  set(texts "")
  set(items "")
  set(n 0)
  foreach(file ${files})
    file(READ ${file} bytes HEX)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
    file(RELATIVE_PATH path ${CMAKE_SOURCE_DIR} ${file})
    string(APPEND texts "static const unsigned char text_${n}[] = {${bytes}0};\n")
    string(APPEND items "  {\"${path}\", text_${n}},\n")
    math(EXPR n "${n} + 1")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  endforeach()
  set(path ${CMAKE_BINARY_DIR}/generated/rapt__formal_sources.c)
  file(CONFIGURE OUTPUT ${path} CONTENT
"/* Made by the build from the files of src/explain/formal/. */
#include \"explain/formal/note.h\"
${texts}
const rapt__formal_source rapt__formal_sources[] = {
${items}  {0},
};
" @ONLY)
  set(${out} ${path} PARENT_SCOPE)
endfunction()
rapt_formal_sources(RAPT_FORMAL_LIST)

set(RAPT_ENGINE_FOLDERS base kernels graph ops nn models)
rapt_glob(RAPT_ENGINE_SOURCES ${RAPT_ENGINE_FOLDERS})
rapt_glob(RAPT_UPPER_SOURCES text formats data classic metrics tasks pbmt train infer explain recipes)
foreach(isa avx2 avx512 neon)
  rapt_glob(RAPT_${isa}_SOURCES kernels/${isa})
  list(REMOVE_ITEM RAPT_ENGINE_SOURCES ${RAPT_${isa}_SOURCES} "")
endforeach()
list(APPEND RAPT_KERNEL_SOURCES ${RAPT_ENGINE_SOURCES})
list(FILTER RAPT_KERNEL_SOURCES INCLUDE REGEX "/src/(base|kernels)/")

if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set_source_files_properties(${RAPT_avx2_SOURCES} PROPERTIES COMPILE_OPTIONS "-mavx2;-mfma;-mf16c;-ffp-contract=fast")
  set_source_files_properties(${RAPT_avx512_SOURCES} PROPERTIES COMPILE_OPTIONS "-mavx512f;-mfma;-ffp-contract=fast")
  set(RAPT_ISA_SOURCES ${RAPT_avx2_SOURCES} ${RAPT_avx512_SOURCES})
  set(RAPT_ISA_DEFINES RAPT_HAVE_AVX2)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  set_source_files_properties(${RAPT_neon_SOURCES} PROPERTIES COMPILE_OPTIONS "-ffp-contract=fast")
  set(RAPT_ISA_SOURCES ${RAPT_neon_SOURCES})
  set(RAPT_ISA_DEFINES RAPT_HAVE_NEON)
endif()

foreach(kind model recipe)
  if(EXISTS ${CMAKE_SOURCE_DIR}/src/${kind}s/${kind}s.h)
    string(TOUPPER ${kind} upper)
    rapt_registry(RAPT_${upper}_LIST rapt__${kind} ${kind}s)
  endif()
endforeach()

if(RAPT_SHARED)
  add_library(rapt SHARED)
  set_target_properties(rapt PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
else()
  add_library(rapt STATIC)
endif()
target_sources(rapt PRIVATE ${RAPT_ENGINE_SOURCES} ${RAPT_UPPER_SOURCES} ${RAPT_ISA_SOURCES} ${RAPT_MODEL_LIST} ${RAPT_RECIPE_LIST}
  ${RAPT_FORMAL_LIST})
set_target_properties(rapt PROPERTIES C_VISIBILITY_PRESET hidden POSITION_INDEPENDENT_CODE ON)
target_compile_definitions(rapt PRIVATE ${RAPT_ISA_DEFINES})
target_include_directories(rapt PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(rapt PRIVATE $<BUILD_INTERFACE:rapt_flags> PUBLIC $<BUILD_INTERFACE:PkgConfig::RAPT_DEPS> Threads::Threads m)

# The engine a second time in double precision, reference kernels only: what the gradient checks run on, with the plain
# algorithms beside it.
if(RAPT_TESTS)
  rapt_glob(RAPT_FORMAL_SOURCES explain/formal explain/recurrent)
  add_library(rapt_f64 STATIC EXCLUDE_FROM_ALL ${RAPT_ENGINE_SOURCES} ${RAPT_MODEL_LIST} ${RAPT_FORMAL_SOURCES}
    ${RAPT_FORMAL_LIST})
  target_compile_definitions(rapt_f64 PUBLIC RAPT_REAL=double)
  target_link_libraries(rapt_f64 PUBLIC rapt_flags)
endif()
