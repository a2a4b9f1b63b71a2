/* Smart HTTP: info/refs, git-upload-pack and git-receive-pack, streamed both ways through a git cage. */
#ifndef STORE_GIT_H
#define STORE_GIT_H

#include "store/request.h"

/* Route handlers; see route.c. Each takes the exchange over and answers it, now or when git is done. They check who
 * asks, and make a repository on the first push of its owner. */
void git_info_refs(struct request *request);
void git_upload_pack(struct request *request);
void git_receive_pack(struct request *request);

#endif
