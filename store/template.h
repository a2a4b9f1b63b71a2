/* Page templates: the small language that ui-kit/pages/layout.html describes, filled from a JSON object.
 *
 * {{name}} is escaped, {{{name}}} is not; {{#name}}…{{/name}} repeats for each entry of an array and shows once for
 * true or a text that is not empty; {{^name}}…{{/name}} shows otherwise. Entries' names hide the outer ones. */
#ifndef STORE_TEMPLATE_H
#define STORE_TEMPLATE_H

#include "runtime/base/json.h"

/* Appends the filled template. 0, or ERROR_INVALID (a section that does not close or nests too deep; what was
 * appended until then is of no use). A name that is not in `context` is empty. */
int template_render(struct text source, const struct json *context, struct buffer *out);

#endif
