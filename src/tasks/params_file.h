/* A parameter store as a safetensors file. */
#ifndef RAPT_SRC_TASKS_PARAMS_FILE_H
#define RAPT_SRC_TASKS_PARAMS_FILE_H

#include "formats/weights.h"
#include "graph/params.h"

/* Every parameter under its name, atomically. `meta` is pairs of key and value ended by NULL, or NULL. */
rapt_status rapt__params_write(const rapt_params *params, const char *path, const char *const *meta);
/* The same in two bytes a number: RAPT__ST_F16 or RAPT__ST_BF16. RAPT_EINVAL names a parameter with a number that is
 * too large. */
rapt_status rapt__params_write_narrow(const rapt_params *params, const char *path, rapt__st_type type,
                                      const char *const *meta);
/* As DIR/model.safetensors, or in several files of at most `most` bytes and an index (0: no limit); type RAPT__ST_F32 or one of the
 * two narrow ones. */
rapt_status rapt__params_write_dir(const rapt_params *params, const char *dir, rapt__st_type type,
                                   const char *const *meta, uint64_t most);
/* Replaces every parameter by the tensor of its name; RAPT_EFORMAT names one that is missing or has another shape. */
rapt_status rapt__params_read(rapt_params *params, const char *path);

#endif
