/* Chat templates: the subset of Jinja that the templates of model directories use, over values of jansson. Text in a tag that
 * asks for more is refused when the template is read, with its line. White space is treated as transformers does it
 * (trim_blocks and lstrip_blocks). */
#ifndef RAPT_SRC_TEMPLATE_H
#define RAPT_SRC_TEMPLATE_H

#include "base/base.h"

#include <jansson.h>

typedef struct rapt__template rapt__template;

/* Reads a template; `name` begins messages. RAPT_EFORMAT with the line where it is not Jinja, RAPT_EUNSUPPORTED where it is more
 * of it than is known here. The text is copied. */
rapt_status rapt__template_new(rapt_context *ctx, const char *name, const char *text, size_t size,
                               rapt__template **out);
void rapt__template_free(rapt__template *t); /* NULL is fine */

/* Adds what the template makes of these variables (an object) to `out`. RAPT_EINVAL for an error of the template's own
 * (raise_exception, a sum of a number and a text …), with its line. Work and output are bounded, so that no template runs for
 * ever. `now` (seconds since 1970) is what strftime_now tells. */
rapt_status rapt__template_render(const rapt__template *t, const json_t *variables, int64_t now, rapt__text *out);

#endif
