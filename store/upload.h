/* Files of demos over HTTP, as Gradio's clients send and fetch them; the gateway says which demo in x-vitrine-demo. */
#ifndef STORE_UPLOAD_H
#define STORE_UPLOAD_H

#include "store/request.h"

void upload_post(struct request *request);     /* POST …/gradio_api/upload, multipart */
void upload_get(struct request *request);      /* GET …/gradio_api/file=<handle> */
void upload_progress(struct request *request); /* GET …/gradio_api/upload_progress?upload_id=… */

#endif
