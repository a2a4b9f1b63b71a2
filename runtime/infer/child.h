/* A child of the inference backend: one owner's models, behind the lock, one batch at a time.
 *
 * Everything a stranger's model can do wrong it does here. The supervisor sends models (bundle descriptors), tensor
 * windows and jobs; jobs that came together, want the same model and have equal shapes run as one batch along the
 * first dimension when the model leaves that dimension free. */
#ifndef RUNTIME_INFER_CHILD_H
#define RUNTIME_INFER_CHILD_H

/* Once, before anything is locked down or forked: 0, or ERROR_UNSUPPORTED when the filter cannot be made. */
int child_prepare(void);
/* The life of a child on its channel; never returns. engine_setup() and child_prepare() were called before the fork. */
void child_run(int channel_fd);

#endif
